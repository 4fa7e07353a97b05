/** What of dns-packet 5.6.1 message.ts uses; the package brings no types. */
import type { Buffer } from "node:buffer";

export interface Packet {
  readonly id: number;
  readonly type: "query" | "response";
  /** `NXDOMAIN`, or `RCODE_11` for one without a name. */
  readonly rcode: string;
  readonly flag_tc: boolean;
  readonly questions: readonly { readonly name: string; readonly type: string }[];
  readonly answers: readonly AnyRecord[];
  readonly authorities: readonly AnyRecord[];
}

export interface AnyRecord {
  readonly name: string;
  readonly type: string;
  /** Seconds. Unsigned; RFC 2181 section 8 wants values with the highest bit set taken for 0. */
  readonly ttl?: number;
  readonly data?: unknown;
}

declare const dnsPacket: {
  readonly RECURSION_DESIRED: number;
  encode(packet: {
    readonly type: "query";
    readonly id: number;
    readonly flags: number;
    readonly questions: readonly { readonly name: string; readonly type: string }[];
    readonly additionals: readonly {
      readonly type: "OPT";
      readonly name: ".";
      readonly udpPayloadSize: number;
    }[];
  }): Buffer;
  /** Throws for what is no message. */
  decode(bytes: Uint8Array): Packet;
};
export default dnsPacket;
