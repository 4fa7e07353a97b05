/**
 * The bill of materials of a release: which packages the executable is made of, in CycloneDX's JSON (ECMA-424).
 *
 * - What the packages are is in their package.json, and the checksum of what npm served in deno.lock.
 * - Deno is in the executable as a whole, and with it V8 and more that is not listed here: the composition says so.
 * - The same commit gives the same bytes: no random serial number, and the time is the commit's.
 */
import { Buffer } from "node:buffer";
import { type Lock, type Package, packagesIn, readLock } from "./bundled.ts";

/** What the bill is written from. */
export interface Materials {
  readonly version: string;
  /** The time of the commit, in UNIX seconds. */
  readonly time: number;
  /** The file with the compiled program. */
  readonly executable: string;
  readonly runtime: { readonly deno: string; readonly v8: string };
}

const specVersion = "1.6";

/** The bill, to be written as JSON. */
export function billOfMaterials({ version, time, executable, runtime }: Materials) {
  const lock = readLock();
  const packages = packagesIn(executable);
  const purls = new Map(packages.map((one) => [one.key, purlOf(one)]));
  /** What a package needs of the executable: also what it gets through others that have left no code in it. */
  const neededBy = (key: string, seen = new Set<string>()): string[] =>
    (lock.npm[key]?.dependencies ?? []).flatMap((name) => {
      const needed = keyOf(lock, name);
      if (seen.has(needed)) return [];
      seen.add(needed);
      return purls.get(needed) ?? neededBy(needed, seen);
    });
  const greylist = `pkg:generic/greylist@${version}`;
  const deno = {
    name: "deno",
    version: runtime.deno,
    license: "MIT",
    purl: `pkg:github/denoland/deno@v${runtime.deno}`,
  };
  const v8Version = runtime.v8.replace(/-.*$/, ""); // "-rusty": how it was built
  const v8 = {
    name: "v8",
    version: v8Version,
    license: "BSD-3-Clause",
    purl: `pkg:github/v8/v8@${v8Version}`,
  };
  return {
    $schema: `http://cyclonedx.org/schema/bom-${specVersion}.schema.json`,
    bomFormat: "CycloneDX",
    specVersion,
    version: 1,
    metadata: {
      timestamp: new Date(time * 1000).toISOString(),
      lifecycles: [{ phase: "build" }],
      component: {
        type: "application",
        "bom-ref": greylist,
        name: "greylist",
        version,
        licenses: [{ license: { id: "MIT" } }],
        purl: greylist,
      },
    },
    components: [
      ...[deno, v8].map(({ name, version, license, purl }) => ({
        type: "platform",
        "bom-ref": purl,
        name,
        version,
        licenses: [{ license: { id: license } }],
        purl,
      })),
      ...packages.map((one) => ({
        type: "library",
        "bom-ref": purlOf(one),
        name: one.name,
        version: one.version,
        hashes: [checksumOf(lock.npm[one.key]?.integrity)],
        licenses: [{ license: { id: one.license } }],
        purl: purlOf(one),
      })),
    ],
    dependencies: [
      {
        ref: greylist,
        dependsOn: [
          deno.purl,
          ...lock.workspace.dependencies.flatMap((name) =>
            purls.get(name.replace(/^npm:/, "")) ?? []
          ),
        ],
      },
      { ref: deno.purl, dependsOn: [v8.purl] },
      ...packages.map((one) => ({
        ref: purlOf(one),
        dependsOn: neededBy(one.key),
      })),
    ],
    compositions: [{ aggregate: "incomplete", assemblies: [deno.purl, v8.purl] }],
  };
}

/** The key of what a package depends on: deno.lock names it without its version where there is only one. */
function keyOf({ npm }: Lock, name: string): string {
  if (name in npm) return name;
  return Object.keys(npm).find((key) => key.startsWith(`${name}@`)) ?? name;
}

/** https://github.com/package-url/purl-spec */
function purlOf({ name, version }: Package): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** `sha512-BASE64`, of the archive that npm serves. */
function checksumOf(integrity = ""): { alg: string; content: string } {
  const [, base64 = ""] = /^sha512-(\S+)$/.exec(integrity) ?? [];
  return { alg: "SHA-512", content: Buffer.from(base64, "base64").toString("hex") };
}
