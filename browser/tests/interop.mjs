// Opens what Python sealed and seals it again; run by tests/vault/test_interoperation.py.
//
// Reads {kind of blob: {arguments, blob}} as JSON from standard input, bytes as hex, and writes
// {kind of blob: blob sealed here with the same contents}.

import { readFileSync } from "node:fs";

import { isVerified, openEnvelope, sealEnvelope } from "../envelope/envelope.js";
import {
  boxKeys,
  MESSAGE,
  openSealed,
  outerOpen,
  outerSeal,
  seal,
  signKeys,
} from "../envelope/sealing.js";
import * as wraps from "../envelope/wraps.js";
import { liesOnChain, signEntry, PERSON, verifyChain } from "../roster/roster.js";

const un = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const given = JSON.parse(readFileSync(0, "utf8"));
const keys = boxKeys(un(given.secret));
const signer = signKeys(un(given.seed));
const id = un(given.id);
const shred = keys.public; // and reader: 32 bytes, whichever

function must(condition, what) {
  if (!condition) {
    throw new Error(`${what} does not hold`);
  }
}

function envelope(blob) {
  const opened = openEnvelope(blob, MESSAGE, keys, id, [1]);
  must(isVerified(opened, signer.public), "the envelope's signature");
  return sealEnvelope(opened.envelope, MESSAGE, keys.public, signer);
}

function outbox(blob) {
  const opened = wraps.openOutboxItem(keys, blob, id, id);
  must(wraps.isOutboxItemVerified(opened, signer.public), "the item's signature");
  return wraps.sealOutboxItem(keys.public, opened.item, signer);
}

function roster(blob) {
  const chain = verifyChain([blob]);
  must(liesOnChain(chain, chain.hashes[0]), "the chain");
  const payload = un(given.person);
  return signEntry(chain, PERSON, payload, chain.people[0].staffId, signer, chain.time + 1);
}

const again = {
  seal: (blob) => seal(0x41, keys.public, openSealed(0x41, keys, blob)),
  outer: (blob) => outerSeal(shred, 0x10, id, shred, outerOpen(shred, 0x10, id, shred, blob)),
  envelope,
  team: (blob) => wraps.sealTeamWrap(keys.public, wraps.openTeamWrap(keys, blob, id, 3)),
  client: (blob) => wraps.sealClientWrap(keys.public, wraps.openClientWrap(keys, blob, id)),
  outbox,
  address: (blob) => wraps.sealAddress(keys.public, wraps.openAddress(keys, blob, id)),
  screening: (blob) =>
    wraps.sealScreeningCopy(keys.public, wraps.openScreeningCopy(keys, blob)),
  staff: (blob) =>
    wraps.sealStaffWrap(keys.secret, id, wraps.openStaffWrap(keys.secret, id, blob)),
  grant: (blob) => wraps.sealGrant(keys.public, 3, wraps.openGrant(keys, blob, 3)),
  earlier: (blob) => wraps.sealEarlierSeed(keys.public, 3, wraps.openEarlierSeed(keys, blob, 3)),
  roster,
};

const made = Object.entries(given.blobs).map(([name, blob]) => [
  name,
  Buffer.from(again[name](un(blob))).toString("hex"),
]);
console.log(JSON.stringify(Object.fromEntries(made)));
