// Every vector of wraps and roster; tests/vault/test_vectors_wraps.py reads the same files.

import assert from "node:assert/strict";
import { test } from "node:test";

import { writeList } from "../envelope/attachments.js";
import { CannotOpen } from "../envelope/sealing.js";
import * as wraps from "../envelope/wraps.js";
import { proposalHash } from "../envelope/proposal.js";
import { pageNumber, passwordParts } from "../phrase/keys.js";
import { fingerprintWords } from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import * as rosters from "../roster/roster.js";
import { box, changed, hex, read, signer, un } from "./vectors.mjs";

const WRAPS = read("wraps");
const ROSTER = read("roster");

// --- wraps ----------------------------------------------------------------------------------

const OPEN = {
  team_wrap: (one) =>
    wraps.openTeamWrap(box(one.secret), un(one.blob), un(one.conversation_id), one.epoch),
  client_wrap: (one) =>
    wraps.openClientWrap(box(one.secret), un(one.blob), un(one.conversation_id)),
  outbox: (one) =>
    wraps.openOutboxItem(
      box(one.secret),
      un(one.blob),
      un(one.conversation_id),
      un(one.message_id),
    ),
  address: (one) => wraps.openAddress(box(one.secret), un(one.blob), un(one.conversation_id)),
  screening: (one) => wraps.openScreeningCopy(box(one.secret), un(one.blob)),
  staff_wrap: (one) => wraps.openStaffWrap(un(one.wrapping_key), un(one.staff_id), un(one.blob)),
  grant: (one) => wraps.openGrant(box(one.secret), un(one.blob), one.epoch),
  earlier_seed: (one) => wraps.openEarlierSeed(box(one.secret), un(one.blob), one.epoch),
};

/** What opens from a good case, and whether `seal` of it opens to the same. */
function reopens(name, one, seal) {
  const opened = OPEN[name](one);
  const blob = seal(box(one.secret).public, opened);
  assert.equal(blob.length, one.blob.length / 2);
  assert.deepEqual(OPEN[name]({ ...one, blob: hex(blob) }), opened);
  return opened;
}

test("wraps of conversations", () => {
  for (const one of WRAPS.good.team_wrap) {
    const wrap = reopens("team_wrap", one, wraps.sealTeamWrap);
    assert.equal(hex(wrap.messages.secret), one.csk);
    assert.equal(hex(wrap.notes.secret), one.nsk);
    assert.equal(hex(wrap.messages.public), one.cpk);
    assert.equal(hex(wrap.notes.public), one.npk);
    assert.equal(wrap.verifyKey && hex(wrap.verifyKey), one.verify_key);
  }
  for (const one of WRAPS.good.client_wrap) {
    const wrap = reopens("client_wrap", one, wraps.sealClientWrap);
    assert.equal(hex(wrap.messages.secret), one.csk);
    assert.equal(hex(wrap.messages.public), one.cpk);
    assert.equal(hex(wrap.fingerprint), one.fingerprint);
    assert.equal(hex(wrap.head), one.head);
  }
});

test("outbox items, addresses, screening copies", () => {
  for (const one of WRAPS.good.outbox) {
    const team = signer(one.signer_seed);
    const opened = reopens("outbox", one, (to, { item }) => wraps.sealOutboxItem(to, item, team));
    const { epoch, channel, text } = opened.item;
    assert.deepEqual([epoch, channel, text], [one.epoch, one.channel, one.text]);
    const { attachments } = opened.item;
    assert.equal(attachments.length ? writeList(attachments) : undefined, one.attachments);
    assert.ok(wraps.isOutboxItemVerified(opened, un(one.signer_public)));
  }
  for (const one of WRAPS.good.address) {
    const { channel, address, safeHours } = reopens("address", one, wraps.sealAddress);
    assert.deepEqual([channel, address, safeHours], [one.channel, one.address, one.safe_hours]);
  }
  for (const one of WRAPS.good.screening) {
    const copy = reopens("screening", one, wraps.sealScreeningCopy);
    assert.equal(hex(copy.conversationId), one.conversation_id);
    assert.equal(hex(copy.messageId), one.message_id);
    assert.deepEqual(
      [copy.danger, copy.isAnswers, copy.text, copy.languageHint],
      [one.danger, one.is_answers, one.text, one.language_hint],
    );
  }
});

test("seeds, their keys and tags", () => {
  for (const one of WRAPS.good.staff_wrap) {
    assert.equal(hex(OPEN.staff_wrap(one)), one.seed);
    const blob = wraps.sealStaffWrap(
      un(one.wrapping_key),
      un(one.staff_id),
      un(one.seed),
      un(one.nonce),
    );
    assert.equal(hex(blob), one.blob);
  }
  const seals = { grant: wraps.sealGrant, earlier_seed: wraps.sealEarlierSeed };
  for (const [name, seal] of Object.entries(seals)) {
    for (const one of WRAPS.good[name]) {
      assert.equal(hex(reopens(name, one, (to, seed) => seal(to, one.epoch, seed))), one.seed);
    }
  }
  const pairs = { staff: wraps.staffKeys, team: wraps.teamKeys };
  for (const one of WRAPS.good.key_pairs.filter(({ whose }) => whose in pairs)) {
    const keys = pairs[one.whose](un(one.seed));
    assert.equal(hex(keys.box.public), one.box_public);
    assert.equal(hex(keys.sign.public), one.sign_public);
  }
  for (const { courier_seed, channel, address, tag } of WRAPS.good.address_tag) {
    assert.equal(hex(wraps.addressTag(un(courier_seed), channel, address)), tag);
  }
  for (const { name, tag } of WRAPS.good.login_tag) {
    assert.equal(hex(wraps.loginTag(name)), tag, name);
  }
});

test("both halves of a password", async () => {
  for (const { password, salt, authentication, wrapping } of WRAPS.good.password) {
    const parts = await passwordParts(password, un(salt));
    assert.equal(hex(parts.authentication), authentication);
    assert.equal(hex(parts.wrapping), wrapping);
  }
});

test("proofs and signed keys", () => {
  for (const one of WRAPS.good.proof) {
    const made = wraps.signProof(
      signer(one.signer_seed),
      un(one.nonce),
      one.verb,
      one.signed_arguments.map(un),
      un(one.reply_key),
    );
    assert.equal(hex(made), one.signature);
  }
  const holds = ({ signer_public, key, signature }) =>
    wraps.isScreeningKeyVerified(un(signer_public), un(key), un(signature));
  for (const one of WRAPS.good.screening_key) {
    assert.ok(holds(one));
  }
  changed(WRAPS.not_verified.screening_key, WRAPS.good.screening_key, (one, why) =>
    assert.equal(holds(one), false, why),
  );
  changed(WRAPS.not_verified.outbox, WRAPS.good.outbox, (one, why) =>
    assert.equal(wraps.isOutboxItemVerified(OPEN.outbox(one), un(one.signer_public)), false, why),
  );
});

test("wraps that do not open", () => {
  for (const [name, changes] of Object.entries(WRAPS.refused)) {
    changed(changes, WRAPS.good[name], (one, why) =>
      assert.throws(() => OPEN[name](one), CannotOpen, `${name}: ${why}`),
    );
  }
});

// --- roster ---------------------------------------------------------------------------------

const entriesOf = ({ entries }) =>
  entries.map((entry) => un(Number.isInteger(entry) ? ROSTER.good[1].entries[entry] : entry));

const verified = (one) =>
  rosters.verifyChain(entriesOf(one), one.fingerprint && un(one.fingerprint));

test("chains that hold", () => {
  for (const one of ROSTER.good) {
    const roster = verified(one);
    assert.equal(hex(roster.fingerprint), one.fingerprint);
    assert.deepEqual(fingerprintWords(roster.fingerprint, WORDS), one.fingerprint_words);
    assert.deepEqual(roster.hashes.map(hex), one.hashes);
    assert.equal(hex(rosters.headOf(roster)), one.hashes.at(-1));
    assert.ok(one.hashes.every((hash) => rosters.liesOnChain(roster, un(hash))));
    assert.equal(rosters.liesOnChain(roster, new Uint8Array(32)), false);
    assert.equal(roster.time, one.time);
    const byId = (a, b) => (a.staff_id < b.staff_id ? -1 : 1);
    const people = roster.people.map((person) => ({
      staff_id: hex(person.staffId),
      name: person.name,
      shown_name: person.shownName,
      box_key: hex(person.boxKey),
      sign_key: hex(person.signKey),
      roles: person.roles,
      words: fingerprintWords(rosters.newcomerHash(roster.fingerprint, person), WORDS),
    }));
    assert.deepEqual(people.sort(byId), [...one.people].sort(byId));
    assert.deepEqual(roster.removed.map(hex), one.removed);
    const chain = entriesOf(one);
    const due = chain.map((_, i) => rosters.verifyChain(chain.slice(0, i + 1)).isEpochDue);
    assert.deepEqual(due, one.epoch_due);
    assert.deepEqual(roster.policies.map(hex), one.policies);
    const epochs = roster.epochs.map(({ number, boxKey, signKey }) => ({
      number,
      box_key: hex(boxKey),
      sign_key: hex(signKey),
    }));
    assert.deepEqual(epochs, one.epochs);
    assert.equal(rosters.currentEpoch(roster).number, one.epochs.at(-1).number);
    const { courierBoxKey, courierSignKey, caretakerSignKey, recoveryBoxKey } = roster.founding;
    assert.equal(hex(courierBoxKey), one.courier_box_key);
    assert.equal(hex(courierSignKey), one.courier_sign_key);
    assert.equal(hex(caretakerSignKey), one.caretaker_sign_key);
    assert.equal(recoveryBoxKey && hex(recoveryBoxKey), one.recovery_box_key);
  }
});

test("a chain made again is the same", () => {
  const entries = entriesOf(ROSTER.good[1]);
  let roster = rosters.verifyChain(entries.slice(0, 1));
  const first = rosters.signFounding(roster.founding, signer(ROSTER.made.root_seed), roster.time);
  assert.equal(hex(first), hex(entries[0]));
  for (const [i, step] of ROSTER.made.steps.entries()) {
    const entry = rosters.signEntry(
      roster,
      step.type,
      un(step.payload),
      un(step.signer_id),
      signer(step.seed),
      step.time,
    );
    assert.equal(hex(entry), hex(entries[i + 1]));
    roster = rosters.extend(roster, entry);
  }
});

test("payloads are laid out as in the chain", () => {
  const [step] = ROSTER.made.steps;
  const roster = rosters.verifyChain(entriesOf(ROSTER.good[1]).slice(0, 4));
  const ben = roster.people.find(({ name }) => name === "ben");
  assert.equal(hex(rosters.personPayload(ben)), step.payload);
  assert.equal(hex(rosters.epochPayload(roster.epochs[1])), ROSTER.made.steps[2].payload);
  const [, , , , policy, removal] = ROSTER.made.steps;
  const toml = '[[rule]]\nname = "shorter"\n';
  assert.equal(hex(rosters.policyPayload(toml)), policy.payload);
  assert.equal(hex(rosters.removalPayload(roster.people[0].staffId)), removal.payload);
});

test("chains that do not hold", () => {
  for (const one of ROSTER.refused) {
    assert.throws(() => verified(one), rosters.RosterError, one.why);
  }
});

test("what a page proposes, and its number", async () => {
  for (const { lookup_tag, verify_key, box_key, hash, code, number } of WRAPS.good.proposal) {
    const [lookupTag, verifyKey, boxKey] = [lookup_tag, verify_key, box_key].map(un);
    const named = proposalHash({ lookupTag, verifyKey, boxKey });
    assert.equal(hex(named), hash);
    assert.equal(await pageNumber(code, named), number);
  }
});
