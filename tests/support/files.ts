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
    // deno-lint-ignore require-await -- what it throws must be a rejection
    readLarge: async (path: string) => readFile(path),
  };
}
