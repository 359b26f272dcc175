// Every vector of sealing, envelope and phrase; tests/vault/test_vectors.py reads the same files.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as bytes from "../envelope/bytes.js";
import * as envelopes from "../envelope/envelope.js";
import * as sealing from "../envelope/sealing.js";
import { phraseKeys } from "../phrase/keys.js";
import * as phrases from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import { box, changed, hex, read, signer, un } from "./vectors.mjs";

const SEALING = read("sealing");
const ENVELOPE = read("envelope");
const PHRASE = read("phrase");

// --- sealing --------------------------------------------------------------------------------

test("fields pack and unpack", () => {
  for (const { fields, packed } of SEALING.good.pack) {
    assert.equal(hex(bytes.pack(...fields.map(un))), packed);
    assert.deepEqual(bytes.unpack(un(packed), fields.length).map(hex), fields);
    assert.deepEqual(bytes.unpack(un(packed)).map(hex), fields);
  }
  for (const { why, data, count } of SEALING.refused.unpack) {
    assert.throws(() => bytes.unpack(un(data), count), bytes.Malformed, why);
  }
});

test("hashes", () => {
  for (const { label, message, hash } of SEALING.good.hash) {
    assert.equal(hex(sealing.labelledHash(label, un(message))), hash);
  }
  for (const { key, label, derived } of SEALING.good.derive) {
    assert.equal(hex(sealing.derive(un(key), label)), derived);
  }
  for (const { key, message, size, mac } of SEALING.good.mac) {
    assert.equal(hex(sealing.mac(un(key), un(message), size)), mac);
  }
  for (const { role, detail, reader } of SEALING.good.reader) {
    assert.equal(hex(sealing.readerOf(role, un(detail))), reader);
  }
});

test("padding", () => {
  for (const { size, bucket } of SEALING.good.pad) {
    const plain = Uint8Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 0x80 : 0));
    const padded = bytes.pad(plain);
    assert.equal(padded.length, bucket);
    assert.equal(padded[size], 0x80);
    assert.ok(padded.subarray(size + 1).every((byte) => byte === 0));
    assert.deepEqual(bytes.unpad(padded), plain);
  }
  for (const { why, padded } of SEALING.refused.unpad) {
    assert.throws(() => bytes.unpad(un(padded)), bytes.Malformed, why);
  }
  for (const { why, size } of SEALING.refused.pad) {
    assert.throws(() => bytes.pad(new Uint8Array(size)), bytes.TooLong, why);
  }
});

test("public keys and signatures", () => {
  for (const { secret, public: key } of SEALING.good.box_keys) {
    assert.equal(hex(box(secret).public), key);
  }
  for (const { seed, public: key } of SEALING.good.sign_keys) {
    assert.equal(hex(signer(seed).public), key);
  }
  for (const { seed, public: key, label, message, signature } of SEALING.good.sign) {
    assert.equal(hex(sealing.sign(signer(seed), label, un(message))), signature);
    assert.ok(sealing.verify(un(key), un(signature), label, un(message)));
  }
});

test("signatures that do not hold", () => {
  for (const { why, public: key, label, message, signature } of SEALING.refused.verify) {
    assert.equal(sealing.verify(un(key), un(signature), label, un(message)), false, why);
  }
});

test("what is sealed opens", () => {
  for (const { kind, secret, padded, body, blob } of SEALING.good.seal) {
    const keys = box(secret);
    assert.equal(hex(sealing.openSealed(kind, keys, un(blob), padded)), body);
    const seal = padded ? sealing.sealPadded : sealing.seal;
    const again = seal(kind, keys.public, un(body));
    assert.equal(again.length, blob.length / 2);
    assert.equal(hex(sealing.openSealed(kind, keys, again, padded)), body);
  }
  for (const { why, public: key } of SEALING.refused.seal_to) {
    assert.throws(() => sealing.seal(1, un(key), Uint8Array.of(1)), Error, why);
  }
});

test("what was changed does not open", () => {
  changed(SEALING.refused.seal, SEALING.good.seal, ({ kind, secret, padded, blob }, why) =>
    assert.throws(
      () => sealing.openSealed(kind, box(secret), un(blob), padded),
      sealing.CannotOpen,
      why,
    ),
  );
});

const aeadOpen = ({ key, associated, blob }) => sealing.aeadOpen(un(key), un(associated), un(blob));
const outerOpen = ({ s, inner_kind, owner, reader, blob }) =>
  sealing.outerOpen(un(s), inner_kind, un(owner), un(reader), un(blob));

test("symmetric seals", () => {
  for (const one of SEALING.good.aead) {
    const made = sealing.aeadSeal(un(one.key), un(one.associated), un(one.plain), un(one.nonce));
    assert.equal(hex(made), one.blob);
    assert.equal(hex(aeadOpen(one)), one.plain);
  }
  for (const one of SEALING.good.outer) {
    assert.equal(hex(outerOpen(one)), one.inner);
    const { s, inner_kind, owner, reader, inner } = one;
    const again = sealing.outerSeal(un(s), inner_kind, un(owner), un(reader), un(inner));
    assert.equal(hex(outerOpen({ ...one, blob: hex(again) })), inner);
  }
  changed(SEALING.refused.aead, SEALING.good.aead, (one, why) =>
    assert.throws(() => aeadOpen(one), sealing.CannotOpen, why),
  );
  changed(SEALING.refused.outer, SEALING.good.outer, (one, why) =>
    assert.throws(() => outerOpen(one), sealing.CannotOpen, why),
  );
});

// --- envelope -------------------------------------------------------------------------------

const contentOf = (one) => ({
  conversationId: un(one.conversation_id),
  messageId: un(one.message_id),
  writerId: un(one.writer_id),
  counter: one.counter,
  direction: one.direction,
  origin: one.origin,
  epoch: one.epoch,
  timeMs: one.time_ms,
  danger: one.danger,
  format: one.format,
  text: one.text,
  name: one.name,
});

const openEnvelope = ({ blob, kind, secret, conversation_id, directions }) =>
  envelopes.openEnvelope(un(blob), kind, box(secret), un(conversation_id), directions);

test("envelopes open, are verified, and are the same when made again", () => {
  for (const one of ENVELOPE.good) {
    const opened = openEnvelope(one);
    assert.deepEqual(opened.envelope, contentOf(one));
    assert.ok(envelopes.isVerified(opened, un(one.signer_public)));
    const blob = envelopes.sealEnvelope(
      contentOf(one),
      one.kind,
      box(one.secret).public,
      signer(one.signer_seed),
    );
    assert.equal(blob.length, one.blob.length / 2);
    assert.deepEqual(openEnvelope({ ...one, blob: hex(blob) }), opened);
  }
});

test("envelopes that open and are not verified", () => {
  changed(ENVELOPE.not_verified, ENVELOPE.good, (one, why) =>
    assert.equal(envelopes.isVerified(openEnvelope(one), un(one.signer_public)), false, why),
  );
});

test("envelopes that do not open", () => {
  changed(ENVELOPE.refused, ENVELOPE.good, (one, why) =>
    assert.throws(() => openEnvelope(one), sealing.CannotOpen, why),
  );
});

test("the longest envelope and one byte more", () => {
  assert.equal(envelopes.MAX_BODY, ENVELOPE.max_body);
  const one = ENVELOPE.good[0];
  const room = ENVELOPE.max_body - 8;
  const blob = (size) =>
    envelopes.sealEnvelope(
      { ...contentOf(one), text: "x".repeat(size), name: "" },
      sealing.MESSAGE,
      box(one.secret).public,
      signer(one.signer_seed),
    );
  assert.equal(openEnvelope({ ...one, blob: hex(blob(room)) }).envelope.text.length, room);
  assert.throws(() => blob(room + 1), bytes.TooLong);
});

test("content that could not be opened again is not sealed", () => {
  const one = ENVELOPE.good[0];
  const wrong = [{ counter: 0 }, { epoch: 1 }, { direction: 2 }, { messageId: new Uint8Array(15) }];
  for (const change of wrong) {
    assert.throws(
      () =>
        envelopes.sealEnvelope(
          { ...contentOf(one), ...change },
          one.kind,
          box(one.secret).public,
          signer(one.signer_seed),
        ),
      RangeError,
    );
  }
});

test("the id of a finding", () => {
  for (const { message_id, id } of ENVELOPE.finding_id) {
    assert.equal(hex(envelopes.findingId(un(message_id))), id);
  }
});

test("repeats and gaps", () => {
  for (const { why, rows, places } of ENVELOPE.reading) {
    const take = envelopes.newReading();
    const taken = rows.map((row) =>
      take(contentOf({ ...ENVELOPE.good[0], ...row }), row.verified),
    );
    assert.deepEqual(taken, places, why);
  }
});

// --- phrase ---------------------------------------------------------------------------------

test("phrases are shown and give their keys", async () => {
  for (const one of PHRASE.good) {
    const phrase = un(one.phrase);
    assert.deepEqual(phrases.wordsOf(phrase, WORDS), one.words);
    assert.deepEqual([...phrases.digitsOf(phrase)], one.digits);
    assert.deepEqual(phrases.readPhrase(one.words.join(" "), WORDS), phrase);
    assert.deepEqual(phrases.readPhrase(one.digits.join(" ")), phrase);
    const shares = [];
    const keys = await phraseKeys(phrase, (share) => shares.push(share));
    assert.equal(hex(keys.lookupTag), one.lookup_tag);
    assert.equal(hex(keys.box.public), one.box_public);
    assert.equal(hex(keys.sign.public), one.sign_public);
    assert.equal(shares.at(-1), 1);
  }
});

test("phrases are read forgivingly", () => {
  for (const { why, text, phrase } of PHRASE.read) {
    assert.equal(hex(phrases.readPhrase(text, WORDS)), phrase, why);
  }
});

test("what is no phrase is told at once", () => {
  for (const { why, text, ...expected } of PHRASE.refused) {
    assert.throws(
      () => phrases.readPhrase(text, WORDS),
      ({ reason, digits, found, position, candidates }) => {
        assert.deepEqual({ reason, digits, found, position, candidates }, expected, why);
        return true;
      },
    );
    assert.equal(phrases.isDigits(text), expected.digits, why);
  }
});

test("fingerprints in words", () => {
  for (const { fingerprint, words } of PHRASE.fingerprint) {
    assert.deepEqual(phrases.fingerprintWords(un(fingerprint), WORDS), words);
  }
});

test("a new phrase has its upper three bits zero", () => {
  for (let i = 0; i < 50; i += 1) {
    const phrase = phrases.newPhrase();
    assert.equal(phrase[0] >> 5, 0);
    assert.deepEqual(phrases.readPhrase(phrases.digitsOf(phrase).join("")), phrase);
  }
});
