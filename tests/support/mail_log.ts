/** A log of some days of mail as it may be: nights are quiet, most is known, half of the rest never comes back. */

const retries = [60, 180, 300, 305, 600, 900, 900, 1800, 1800, 3600, 14_400];
const reasons = [
  ...[
    "sender AWL",
    "sender AWL",
    "sender AWL",
    "domain AWL",
    "client whitelist",
    "client whitelist",
  ],
  ...["DNSWL", "triplet found", "correspondent", "recipient whitelist"],
];

interface Waiting {
  readonly at: number;
  readonly first: number;
  readonly fields: string;
}

/**
 * So many lines, pseudo-random, and the same each time.
 *
 * @param begin UNIX seconds
 * @param days how many they are spread over
 */
export function* mailLog(lines: number, begin: number, days: number): Generator<string> {
  let state = 1, written = 0, now = begin;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const oneOf = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
  const said = (at: number, text: string) => {
    written++;
    const stamp = new Date(Math.floor(at) * 1000).toISOString().replace(".000Z", "+00:00");
    return `${stamp} mail greylist[1]: ${text}`;
  };
  const waiting: Waiting[] = [];
  for (let n = 0; written < lines; n++) {
    const isNight = new Date(now * 1000).getUTCHours() < 7;
    now += random() * days * 86_400 / lines * (isNight ? 5 : 1.8);
    while (written < lines && (waiting[0]?.at ?? Infinity) < now) {
      const { at, first, fields } = waiting.shift()!;
      const age = Math.floor(at - first);
      if (age >= 300) {
        yield said(at, `action=pass, reason=triplet found, delay=${age}, ${fields}`);
        continue;
      }
      yield said(at, `action=greylist, reason=early-retry (${300 - age}s missing), ${fields}`);
      waiting.push({ at: at + oneOf(retries), first, fields });
      waiting.sort((a, b) => a.at - b.at);
    }
    const client = `client_name=mx${n % 997}.example.org, client_address=192.0.2.${n % 250}`;
    const parties = `sender=user${n}@example.org, recipient=bob${n % 300}@example.com`;
    const fields = `${client}, ${parties}, id=${n.toString(36)}, store=memory`;
    if (random() < 0.3) {
      yield said(now, `action=greylist, reason=new, ${fields}`);
      if (random() < 0.55) {
        const at = now + oneOf(retries) * (0.8 + random());
        let place = waiting.length;
        while (place > 0 && waiting[place - 1]!.at > at) place--;
        waiting.splice(place, 0, { at, first: now, fields });
      }
    } else yield said(now, `action=pass, reason=${oneOf(reasons)}, ${fields}`);
  }
}
