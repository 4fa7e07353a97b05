/** A real browser without a window, driven by its own protocol (Chrome DevTools). Needs the Debian package chromium. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as path from "node:path";
import { atEnd, type Cleanup, start, tempDir, waitFor } from "./process.ts";

export interface View {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

export interface Browser {
  /** Opens a file, and settles when it is shown. */
  open(file: string, view: View): Promise<void>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Presses a key, such as `Tab` or `Enter`. */
  press(key: string): Promise<void>;
  /** The whole page, as PNG. */
  screenshot(): Promise<Buffer>;
  /** The roles and names that a screen reader is told. */
  accessibility(): Promise<readonly { readonly role: string; readonly name: string }[]>;
  /** The addresses that were asked for since the page was opened. */
  readonly requests: readonly string[];
}

// deno-lint-ignore no-explicit-any
type Answer = any;

export async function startBrowser(t: Cleanup): Promise<Browser> {
  const profile = tempDir(t), portFile = path.join(profile, "DevToolsActivePort");
  const running = start(t, "chromium", [
    ...["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"],
    ...["--disable-background-networking", "--remote-debugging-port=0"],
    ...[`--user-data-dir=${profile}`, "about:blank"],
  ]);
  const listening = () =>
    fs.existsSync(portFile) && /\d\n\//.test(fs.readFileSync(portFile, "utf8"));
  await waitFor("chromium to listen", listening, 60_000).catch((error) => {
    throw new Error(`${error.message}: ${running.stderr()}`);
  });
  const [port] = fs.readFileSync(portFile, "utf8").split("\n");
  const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json() as Answer[];
  const page = targets.find(({ type }) => type === "page");
  const socket = new WebSocket(page.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => (socket.onopen = resolve, socket.onerror = reject));
  atEnd(t, () => socket.close());

  const waiting = new Map<number, (answer: Answer) => void>();
  const requests: string[] = [];
  let calls = 0, loaded = () => {};
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === "Network.requestWillBeSent") requests.push(message.params.request.url);
    if (message.method === "Page.loadEventFired") loaded();
    waiting.get(message.id)?.(message);
  };
  const call = async (method: string, params: Answer = {}): Promise<Answer> => {
    const id = ++calls;
    const { result, error } = await new Promise<Answer>((resolve) => {
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
    waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  for (const domain of ["Page", "Network", "Accessibility"]) await call(`${domain}.enable`);

  return {
    requests,
    async open(file, { width, scheme }) {
      requests.length = 0;
      const screen = { width, height: 900, deviceScaleFactor: 1, mobile: false };
      await call("Emulation.setDeviceMetricsOverride", screen);
      const features = [{ name: "prefers-color-scheme", value: scheme }];
      await call("Emulation.setEmulatedMedia", { features });
      const shown = new Promise<void>((resolve) => loaded = resolve);
      await call("Page.navigate", { url: `file://${file}` });
      await shown;
    },
    async evaluate(expression) {
      const { result, exceptionDetails } = await call("Runtime.evaluate", {
        expression,
        returnByValue: true,
      });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    },
    async press(key) {
      const text = key === "Enter" ? { text: "\r" } : {};
      const code = { Tab: 9, Enter: 13 }[key] ?? 0;
      const event = { key, code: key, windowsVirtualKeyCode: code };
      await call("Input.dispatchKeyEvent", { type: "keyDown", ...event, ...text });
      await call("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    },
    async screenshot() {
      const options = { format: "png", captureBeyondViewport: true };
      return Buffer.from((await call("Page.captureScreenshot", options)).data, "base64");
    },
    async accessibility() {
      const { nodes } = await call("Accessibility.getFullAXTree");
      return nodes.filter((node: Answer) => !node.ignored)
        .map((node: Answer) => ({ role: node.role?.value ?? "", name: node.name?.value ?? "" }));
    },
  };
}
