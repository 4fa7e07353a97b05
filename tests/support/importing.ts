/** What imports go by where a test has no settings to say it: the defaults. */
import type { SubjectOptions } from "../../lib/identity/subject.ts";
import type { Times } from "../../lib/greylist/merge.ts";

const subjects: SubjectOptions = {
  clientIdentity: "name",
  identifyBy: "client,sender,recipient",
  normalizeSenders: "full",
  recipientDelimiter: "+",
  prefixes: { ipv4: 24, ipv6: 64 },
  keyPrefix: "p:",
};

const times: Times = {
  now: 1_700_000_000,
  retryWindowSeconds: 2 * 86_400,
  maxAgeSeconds: 35 * 86_400,
};

export const importing = { subjects, times } as const;
