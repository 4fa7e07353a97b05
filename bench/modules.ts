/** All that a start in spawn mode with Memcached loads, and nothing that it does. */
await import("../lib/commands/serve.ts");
await import("../lib/server/spawn.ts");
await import("../lib/stores/memcached.ts");
