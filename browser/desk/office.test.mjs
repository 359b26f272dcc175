// The office without a screen: what is signed, which step is next, how a line is shown.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "../envelope/bytes.js";
import { sign } from "../envelope/sealing.js";
import { staffKeys } from "../envelope/wraps.js";
import {
  changedBetween,
  checkNewest,
  detailsHash,
  newOrganisation,
  NotNewest,
  readVersion,
  signDetails,
  signedPart,
} from "./organisation.js";
import { kindOf, mirrorIsLate } from "./ready_view.js";
import { STEPS, stepOf } from "./story_steps.js";

const keys = staffKeys(Uint8Array.from({ length: 32 }, (_, i) => i)).sign;
const fingerprint = utf8("f".repeat(32));
const staffId = utf8("s".repeat(16));
const roster = { fingerprint, people: [{ staffId, shownName: "Ana", signKey: keys.public }] };
const HASH = "c6165fa9b9ab0b6f63ca1af6d22e662376a6ec58663cd202607a38f5c8e42344";
const member = { staffId, keys: { sign: keys }, roster };

test("the same bytes are signed as on the server", () => {
  const part = signedPart(fingerprint, 7, utf8('{"a":1}'));
  const signature = Buffer.from(sign(keys, "organisation", part)).toString("hex");
  assert.equal(
    signature,
    "f815f6e4d192c2e43bed5984ae1ca259641dfbda4052e7035511ec3fcc196df938d11ad68ebbea6a804a4814768710af19fc3afe2f9711a8b6026f491ee9df0a",
  );
});

test("the same hash is pinned as on the server", () => {
  const hash = detailsHash(fingerprint, 7, staffId, utf8('{"a":1}'), new Uint8Array(64).fill(9));
  assert.equal(Buffer.from(hash).toString("hex"), HASH);
});

/** A version as the server gives it. */
const kept = ({ number, body, signature }) => ({
  number,
  signer: toBase64Url(staffId),
  body: toBase64Url(body),
  signature: toBase64Url(signature),
});

test("nothing is signed on what is not the pinned version to the letter", () => {
  const said = { mode: "trial", hours: ["mon 9"], signposts: [{ name: "x", how: "", telephone: "1" }] };
  const made = signDetails(member, 3, said, 1_700_000_000);
  const hash = detailsHash(fingerprint, 3, staffId, made.body, made.signature);
  const details = {
    ...said,
    mode: "real", // others can reach the page
    organisation: "from the settings",
    signposts: [{ telephone: "1", name: "x", how: "" }],
  };
  const loaded = { number: 3, details, pinned: toBase64Url(hash), missing: false };
  const versions = [kept(made)];
  checkNewest(roster, { ...loaded, versions });
  checkNewest(roster, { ...loaded, versions: [], missing: true });
  checkNewest(roster, { number: 0, details: {}, pinned: "", missing: false, versions: [] });
  const older = signDetails(member, 2, said, 1_600_000_000);
  const other = signDetails(member, 3, { ...said, hours: [] }, 1_700_000_000);
  for (const wrong of [
    { versions: [] },
    { versions: [kept(older)] },
    { versions: [kept(other)] },
    { versions, details: { ...details, hours: ["tue 9"] } },
    { versions, pinned: toBase64Url(new Uint8Array(32)) },
  ]) {
    assert.throws(() => checkNewest(roster, { ...loaded, ...wrong }), NotNewest);
  }
});

test("before anything is pinned no number is signed that leaves no room for others", async () => {
  const asked = [];
  const api = { post: async (path) => asked.push(path) };
  const organisation = newOrganisation({ api, now: () => 1_700_000_000_000 }, member);
  for (const number of [100_000, 4_294_967_294]) {
    const loaded = { number, details: {}, pinned: "", missing: false, versions: [] };
    await assert.rejects(organisation.save({}, loaded), NotNewest);
  }
  assert.deepEqual(asked, [], "nothing was asked for, so nothing was signed");
});

test("what a version changed is told by name", () => {
  const before = { schema: 1, made: 5, hours: [], limits: "", mode: "trial" };
  const after = { ...before, made: 9, hours: ["mon"], country: "DE" };
  assert.deepEqual(changedBetween(before, after).sort(), ["country", "hours"]);
});

test("what was signed is read with its name, and what was not without", () => {
  const made = signDetails(member, 3, { mode: "trial", hours: [] }, 1_700_000_000);
  const details = JSON.parse(fromUtf8(made.body));
  assert.deepEqual(details, { mode: "trial", hours: [], schema: 1, made: 1_700_000_000 });
  const version = kept(made);
  const read = readVersion(roster, version);
  assert.deepEqual(read, { number: 3, madeMs: 1_700_000_000_000, name: "Ana", said: details });
  for (const other of [
    { number: 4 },
    { signer: toBase64Url(utf8("x".repeat(16))) },
    { body: toBase64Url(utf8("{}")) },
    { body: toBase64Url(utf8("no JSON")) },
  ]) {
    assert.equal(readVersion(roster, { ...version, ...other }).name, "");
  }
});

test("each step follows from what has happened", () => {
  const happened = {
    arrived: false,
    taken: false,
    answered: false,
    copied: false,
    read: false,
    locked: false,
  };
  const seen = [stepOf(happened)];
  for (const next of ["arrived", "taken", "answered", "copied", "read", "locked"]) {
    happened[next] = true;
    seen.push(stepOf(happened));
  }
  assert.deepEqual(seen, ["write", "take", "answer", "answer", "read", "erase", "done"]);
  assert.deepEqual([...new Set(seen)], STEPS);
});

test("a line is done, to do, too old, or only better with", () => {
  const kinds = [
    [{ state: "done", required: true }, "done"],
    [{ state: "missing", required: true }, "todo"],
    [{ state: "missing", required: false }, "advice"],
    [{ state: "late", required: false }, "late"],
  ];
  kinds.forEach(([line, kind]) => assert.equal(kindOf(line), kind));
});

test("a mirror that is too old is said on top of the desk, one that is missing is not", () => {
  const t = (id, { date }) => `${id} ${date}`;
  t.day = () => "5 Dec";
  const says = (state, since) =>
    mirrorIsLate(t, { lines: [{ name: "backup", state: "late", since: 1 }, { name: "mirror", state, since }] });
  assert.equal(says("late", 9), "ready.mirror_late 5 Dec");
  assert.equal(says("late", 0), "ready.mirror_late –");
  assert.deepEqual([says("missing", 0), says("done", 9)], ["", ""]);
});
