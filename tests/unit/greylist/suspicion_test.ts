import assert from "node:assert/strict";
import { test } from "node:test";
import { type Appearance, suspicionOf } from "../../../lib/greylist/suspicion.ts";
import { identifyClient } from "../../../lib/identity/client.ts";

function suspicion(
  name: string,
  helo: string | undefined = name,
  changes: Partial<Appearance> = {},
  address = "192.0.2.77",
) {
  const client = identifyClient(name, address);
  assert.ok(client !== undefined);
  return suspicionOf({
    client,
    helo,
    recipient: "bob@firma.example",
    serverAddress: "198.51.100.25",
    hostname: "mx.firma.example",
    ...changes,
  });
}

test("a server with a name of its own, which it says, is not suspicious", () => {
  for (const name of ["mail.sender.example", "zeus12.rz.sender.example", "sender.example"]) {
    assert.equal(suspicion(name), undefined, name);
  }
  assert.equal(suspicion("mail.sender.example", "other.example"), undefined);
  assert.equal(suspicion("mail.sender.example", "Mail.Sender.Example."), undefined);
  assert.equal(suspicion("mail.sender.example", "m\xfcller.example"), undefined);
  assert.equal(suspicion("mail.sender.example", "sub.firma.example"), undefined);
});

test("who has no verified name is, whatever it says", () => {
  for (const name of ["unknown", "", "no name", "192.0.2.77"]) {
    assert.equal(suspicion(name, "mail.sender.example"), "no verified name", name);
  }
});

test("who has a provider's name is, but not a mailer that is called by its address", () => {
  for (const name of ["192-0-2-77.dyn.isp.example", "pool77.isp.example", "vps01.host.example"]) {
    assert.equal(suspicion(name), "generic name", name);
  }
  assert.equal(suspicion("out192-0-2-77.mail.big.example"), undefined);
  assert.equal(suspicion("192-0-2-77.mail.dsl.isp.example"), "generic name");
});

test("a HELO that is an address, in brackets or not, is", () => {
  for (const helo of ["[192.0.2.77]", "192.0.2.77", "[IPv6:2001:db8::1]", "2001:db8::1", "[x]"]) {
    assert.equal(suspicion("mail.sender.example", helo), "HELO is an address", helo);
  }
});

test("a HELO that is no full name is: a label, nothing, rubbish", () => {
  for (
    const helo of ["localhost", "ylmf-pc", "", "a..b", "two words.example", "1.2.3", "a\x00b.c"]
  ) {
    assert.equal(suspicion("mail.sender.example", helo), "HELO is no full name", helo);
  }
});

test("a HELO that is one of ours is: the recipient's domain, this host, its address", () => {
  for (const helo of ["firma.example", "FIRMA.example.", "mx.firma.example", "[198.51.100.25]"]) {
    assert.equal(suspicion("mail.sender.example", helo), "HELO is one of ours", helo);
  }
  const serverAddress = "2001:db8::25", helo = "[IPv6:2001:DB8::25]";
  assert.equal(suspicion("mail.sender.example", helo, { serverAddress }), "HELO is one of ours");
  assert.equal(suspicion("mail.sender.example", "mx", { hostname: "mx" }), "HELO is one of ours");
});

test("a request without a HELO says nothing of it", () => {
  assert.equal(suspicion("mail.sender.example", undefined, { helo: undefined }), undefined);
  assert.equal(
    suspicion("mail.sender.example", "mx.example", { recipient: "", serverAddress: "" }),
    undefined,
  );
});
