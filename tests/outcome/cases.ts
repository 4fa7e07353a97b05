/**
 * The traffic by which greylist is compared with others. A case is an entry of a few lines in one of these lists; what
 * has to be reached is in judge.ts, and what the cases mean for people in doc/what-it-costs.md.
 */
import { bots } from "./bots.ts";
import { realMail } from "./real_mail.ts";
import type { Case } from "./traffic.ts";

export const cases: readonly Case[] = [...realMail, ...bots];
