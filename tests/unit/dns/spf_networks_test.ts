import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../../lib/address.ts";
import { withoutOtherNetworks } from "../../../lib/dns/spf_networks.ts";

function shortened(address: string, record: string): string {
  const client = parseAddress(address);
  assert.ok(client !== undefined);
  return withoutOtherNetworks(record, client);
}

const record = "v=spf1  ip4:192.0.2.0/24 -IP4:198.51.100.1 ?ip4:203.0.113.0/24 ip4:0.0.0.0/0 " +
  "ip6:2001:db8::/32 ip6:2001:db9::1 ip6:::/0 a mx/24 include:b.example x=ip4:1.2.3.4 -all";
const rest = "a mx/24 include:b.example x=ip4:1.2.3.4 -all";

test("of a record's networks only those stay that the client is in", () => {
  assert.equal(
    shortened("192.0.2.1", record),
    `v=spf1  ip4:192.0.2.0/24 ip4:0.0.0.0/0 ${rest}`,
  );
  assert.equal(
    shortened("198.51.100.1", record),
    `v=spf1  -IP4:198.51.100.1 ip4:0.0.0.0/0 ${rest}`,
  );
  assert.equal(shortened("2001:db8::1", record), `v=spf1  ip6:2001:db8::/32 ip6:::/0 ${rest}`);
  const mapped =
    "ip6:::192.0.2.1/0 ip6:::192.0.2.1 ip6:::ffff:192.0.2.1 ip6:2001:db8::192.0.2.1/64";
  assert.equal(shortened("192.0.2.1", mapped), "");
  assert.equal(
    shortened("2001:db8::1", mapped),
    "ip6:::192.0.2.1/0 ip6:2001:db8::192.0.2.1/64",
  );
});

test("what is no network, or is spelled wrongly, stays, so that it is found", () => {
  const terms = [
    ..."ip4: ip4 ip4:1.2.3 ip4:1.2.3.256 ip4:01.2.3.4 ip4:1.2.3.4/33 ip4:1.2.3.4/08".split(" "),
    ..."ip4:1.2.3.4/ ip4:1.2.3.4//8 ip4:::1 ip4:%{i} ip4:1.2.3.4/8/8 !ip4:1.2.3.4".split(" "),
    ..."ip6: ip6 ip6:1.2.3.4 ip6:1::2::3 ip6:1:2:3 ip6:::/129 ip6:::1/012 ip6::1:".split(" "),
    ..."ip6:1:2:3:4:5:6:7:8:9 ip6:::1/ ip6:[::1] ip6:::1%0 ip6:12345::1".split(" "),
    ..."ip5:1.2.3.4 ip4=1.2.3.4 all exists:1.2.3.4".split(" "),
  ];
  for (const term of terms) {
    assert.equal(shortened("192.0.2.1", `v=spf1 ${term}`), `v=spf1 ${term}`);
    assert.equal(shortened("2001:db8::1", `v=spf1 ${term}`), `v=spf1 ${term}`);
  }
});
