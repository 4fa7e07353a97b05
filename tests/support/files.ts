/** Files that exist only for a test. */
export function filesOf(files: Readonly<Record<string, string>>) {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Error("No such file or directory");
    return text;
  };
  return {
    exists: (path: string) => path in files,
    readFile,
    namesIn(path: string) {
      if (path in files) return undefined;
      const folder = path.endsWith("/") ? path : `${path}/`;
      const names = Object.keys(files).filter((file) => file.startsWith(folder))
        .map((file) => file.slice(folder.length).replace(/\/.*/, ""));
      return names.length === 0 ? undefined : [...new Set(names)];
    },
    // deno-lint-ignore require-await -- what it throws must be a rejection
    readLarge: async (path: string) => readFile(path),
  };
}
