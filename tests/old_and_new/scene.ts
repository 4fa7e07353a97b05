/** What the fixtures hold: requests that 0.1.0 was asked, one after the other, and when. */

export interface Ask {
  /** UNIX seconds. */
  readonly at: number;
  readonly attributes: Readonly<Record<string, string>>;
}

const hour = 3600;

/** When the first request was asked. */
export const began = 1_800_000_000;

export const waiting = { client_address: "192.0.2.1", sender: "alice@example.org" };
export const passed = {
  client_address: "2001:db8::1",
  sender: "SRS0=HHH=TT=a.example=kim@b.example",
};
/** Five of its triplets have passed in five hours. */
export const client = { client_address: "198.51.100.1" };

const firsts = ["a", "b", "c", "d", "e"].map((name) => ({
  ...client,
  sender: `${name}@example.org`,
}));

export const asked: readonly Ask[] = [
  { at: began, attributes: passed },
  ...firsts.map((attributes) => ({ at: began, attributes })),
  ...firsts.map((attributes, i) => ({ at: began + (i + 1) * hour, attributes })),
  { at: began + 5 * hour, attributes: passed },
  { at: began + 5 * hour, attributes: waiting },
];

/** When the last one was. */
export const ended = began + 5 * hour;
