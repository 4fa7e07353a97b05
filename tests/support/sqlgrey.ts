/**
 * A real sqlgrey for tests: on a unix socket, with its state in SQLite and Debian's configuration otherwise,
 * always ended. Needs the Debian packages sqlgrey and libdbd-sqlite3-perl.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { canConnect, stopNetServer } from "./postgrey.ts";
import { atEnd, type Cleanup, memoryFolder, start, tempDir, user, waitFor } from "./process.ts";

const PROGRAM = "/usr/sbin/sqlgrey";

/** Starts a sqlgrey that answers by the time the promise settles; `env` is what env(1) is to set for it. */
export async function startSqlgrey(
  t: Cleanup,
  env: readonly string[] = [],
): Promise<{ readonly endpoint: string; readonly pid: number; stop(): Promise<void> }> {
  if (!fs.existsSync(PROGRAM)) {
    const packages = "sqlgrey libdbd-sqlite3-perl";
    throw new Error(`${PROGRAM} is not there: apt-get install --no-install-recommends ${packages}`);
  }
  // Its database waits for the disk at every request.
  const dir = tempDir(t, memoryFolder());
  const socket = path.join(dir, "socket"), configuration = path.join(dir, "sqlgrey.conf");
  const { name, group } = user();
  fs.writeFileSync(
    configuration,
    [
      `user = ${name}`,
      `group = ${group}`,
      `unix = ${socket}`,
      "db_type = SQLite",
      `db_name = ${dir}/sqlgrey.db`,
      "greymethod = smart",
      // It would mail what goes wrong to postmaster.
      "admin_mail =",
      "",
    ].join("\n"),
  );
  const running = start(t, "env", [...env, PROGRAM, "-f", configuration]);
  atEnd(t, () => stopNetServer(running, socket));
  await waitFor("sqlgrey to listen", () => canConnect(socket)).catch((error) => {
    throw new Error(`${error.message}\n${running.stderr()}`);
  });
  return {
    endpoint: `unix:${socket}`,
    pid: running.pid,
    stop: () => stopNetServer(running, socket),
  };
}
