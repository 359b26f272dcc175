// Keys sealed to their readers: docs/envelope.md, sections 4 and 6. Twin of vault/wraps.py.
// What a reader already knows is an argument of each opening: anything else does not open.

import { readList, writeList } from "./attachments.js";
import { concat, equal, fromUtf8, pack, randomBytes, readU32, u32, unpack, utf8 } from "./bytes.js";
import {
  ADDRESS,
  aeadOpen,
  aeadSeal,
  boxKeys,
  CLIENT_WRAP,
  derive,
  EARLIER_SEED,
  GRANT,
  header,
  labelled,
  labelledHash,
  mac,
  opening,
  openPadded,
  openSealed,
  OUTBOX,
  must,
  SCREENING,
  seal,
  sealPadded,
  sign,
  signKeys,
  STAFF_WRAP,
  startsWith,
  TEAM_WRAP,
  verify,
} from "./sealing.js";

/** @typedef {import("./sealing.js").BoxKeys} BoxKeys */
/** @typedef {import("./sealing.js").SignKeys} SignKeys */
/** @typedef {{box: BoxKeys, sign: SignKeys}} KeyPairs */

const SEAL_OVERHEAD = 51; // header 3, ephemeral key 32, authenticator 16
const NO_KEY = new Uint8Array(32);

/** `value`, if it has as many bytes as belong there. */
function exact(value, size) {
  if (value.length !== size) {
    throw new RangeError(`${size} bytes belong here`);
  }
  return value;
}

/** `data` cut into parts of these sizes and what follows them. */
function split(data, ...sizes) {
  let at = 0;
  const parts = sizes.map((size) => data.slice(at, (at += size)));
  must(data.length >= at);
  return [...parts, data.slice(at)];
}

const texts = (data, count) => opening(() => unpack(data, count).map(fromUtf8));

// --- conversation keys and their wraps ------------------------------------------------------

/**
 * @typedef {object} TeamWrap believed once the keeper's answer has equal public keys
 * @property {Uint8Array} conversationId
 * @property {number} epoch
 * @property {BoxKeys} messages
 * @property {BoxKeys} notes
 * @property {Uint8Array | null} verifyKey the phrase's Ed25519 key; null: there is no phrase
 */

/** @param {Uint8Array} teamBox @param {TeamWrap} wrap @returns {Uint8Array} kind 0x10 */
export const sealTeamWrap = (teamBox, wrap) =>
  seal(
    TEAM_WRAP,
    teamBox,
    concat(
      exact(wrap.conversationId, 16),
      u32(wrap.epoch),
      exact(wrap.messages.secret, 32),
      exact(wrap.notes.secret, 32),
      exact(wrap.verifyKey ?? NO_KEY, 32),
    ),
  );

/**
 * @param {BoxKeys} team @param {Uint8Array} blob @param {Uint8Array} conversationId
 * @param {number} epoch @returns {TeamWrap} @throws {import("./sealing.js").CannotOpen}
 */
export function openTeamWrap(team, blob, conversationId, epoch) {
  const body = openSealed(TEAM_WRAP, team, blob);
  const [owner, number, csk, nsk, key, rest] = split(body, 16, 4, 32, 32, 32);
  must(!rest.length && equal(owner, conversationId) && readU32(number) === epoch);
  return {
    conversationId: owner,
    epoch,
    messages: boxKeys(csk),
    notes: boxKeys(nsk),
    verifyKey: equal(key, NO_KEY) ? null : key,
  };
}

/**
 * @typedef {object} ClientWrap
 * @property {Uint8Array} conversationId
 * @property {BoxKeys} messages
 * @property {Uint8Array} fingerprint of the roster's root
 * @property {Uint8Array} head of the roster when the conversation began
 */

/** @param {Uint8Array} phraseBox @param {ClientWrap} wrap @returns {Uint8Array} kind 0x11 */
export const sealClientWrap = (phraseBox, wrap) =>
  seal(
    CLIENT_WRAP,
    phraseBox,
    concat(
      exact(wrap.conversationId, 16),
      exact(wrap.messages.secret, 32),
      exact(wrap.fingerprint, 32),
      exact(wrap.head, 32),
    ),
  );

/**
 * @param {BoxKeys} phrase @param {Uint8Array} blob @param {Uint8Array} conversationId
 * @returns {ClientWrap} @throws {import("./sealing.js").CannotOpen}
 */
export function openClientWrap(phrase, blob, conversationId) {
  const body = openSealed(CLIENT_WRAP, phrase, blob);
  const [owner, csk, fingerprint, head, rest] = split(body, 16, 32, 32, 32);
  must(!rest.length && equal(owner, conversationId));
  return { conversationId: owner, messages: boxKeys(csk), fingerprint, head };
}

// --- for the courier and the caretaker ------------------------------------------------------

/**
 * @typedef {object} OutboxItem
 * @property {Uint8Array} conversationId
 * @property {Uint8Array} messageId
 * @property {number} epoch
 * @property {string} channel
 * @property {string} text
 * @property {import("./attachments.js").Described[]} [attachments] and then no text
 */

/** @param {Uint8Array} courierBox @param {OutboxItem} item @param {SignKeys} team kind 0x12 */
export function sealOutboxItem(courierBox, item, team) {
  const named = concat(exact(item.conversationId, 16), exact(item.messageId, 16), u32(item.epoch));
  const list = item.attachments?.length ? [writeList(item.attachments)] : [];
  const text = pack(...[item.channel, item.text, ...list].map(utf8));
  const signature = sign(team, "outbox", courierBox, named, text);
  return sealPadded(OUTBOX, courierBox, concat(named, signature, text));
}

/**
 * @param {BoxKeys} courier @param {Uint8Array} blob @param {Uint8Array} conversationId
 * @param {Uint8Array} messageId
 * @returns {{item: OutboxItem, signed: Uint8Array, signature: Uint8Array}}
 * @throws {import("./sealing.js").CannotOpen}
 */
export function openOutboxItem(courier, blob, conversationId, messageId) {
  const body = openPadded(OUTBOX, courier, blob);
  const [owner, message, epoch, signature, rest] = split(body, 16, 16, 4, 64);
  must(equal(owner, conversationId) && equal(message, messageId));
  const [channel, text, ...lists] = texts(rest);
  must(text !== undefined && (!lists.length || (lists.length === 1 && !text)));
  const attachments = lists.flatMap(readList);
  return {
    item: { conversationId, messageId, epoch: readU32(epoch), channel, text, attachments },
    signed: concat(courier.public, owner, message, epoch, rest),
    signature,
  };
}

/** @param {{signed: Uint8Array, signature: Uint8Array}} opened @param {Uint8Array} teamSign */
export const isOutboxItemVerified = (opened, teamSign) =>
  verify(teamSign, opened.signature, "outbox", opened.signed);

/**
 * @typedef {object} Address
 * @property {Uint8Array} conversationId
 * @property {string} channel
 * @property {string} address
 * @property {string} safeHours as the client gave them; may be empty
 */

/** @param {Uint8Array} courierBox @param {Address} address @returns {Uint8Array} kind 0x13 */
export const sealAddress = (courierBox, { conversationId, channel, address, safeHours }) =>
  sealPadded(
    ADDRESS,
    courierBox,
    concat(exact(conversationId, 16), pack(utf8(channel), utf8(address), utf8(safeHours))),
  );

/**
 * @param {BoxKeys} courier @param {Uint8Array} blob @param {Uint8Array} conversationId
 * @returns {Address} @throws {import("./sealing.js").CannotOpen}
 */
export function openAddress(courier, blob, conversationId) {
  const [owner, rest] = split(openPadded(ADDRESS, courier, blob), 16);
  must(equal(owner, conversationId));
  const [channel, address, safeHours] = texts(rest, 3);
  return { conversationId: owner, channel, address, safeHours };
}

/** @param {Uint8Array} courierSeed @param {string} channel @param {string} address */
export const addressTag = (courierSeed, channel, address) =>
  mac(derive(courierSeed, "address"), pack(utf8(channel), utf8(address)));

/**
 * @typedef {object} ScreeningCopy
 * @property {Uint8Array} conversationId
 * @property {Uint8Array} messageId
 * @property {boolean} danger
 * @property {string} text
 * @property {string} languageHint may be empty
 * @property {boolean} [isAnswers] to optional questions, and not words of the client's own
 */

/**
 * Kind 0x40, sealed to the key that the caretaker made at its start.
 * @param {Uint8Array} screeningKey @param {ScreeningCopy} copy
 * @param {number} [like] length of the envelope whose bucket it shares @returns {Uint8Array}
 */
export const sealScreeningCopy = (screeningKey, copy, like = 0) =>
  sealPadded(
    SCREENING,
    screeningKey,
    concat(
      exact(copy.conversationId, 16),
      exact(copy.messageId, 16),
      [(copy.danger ? 1 : 0) | (copy.isAnswers ? 2 : 0)],
      pack(utf8(copy.text), utf8(copy.languageHint)),
    ),
    like - SEAL_OVERHEAD,
  );

/** @param {BoxKeys} screening @param {Uint8Array} blob @returns {ScreeningCopy} */
export function openScreeningCopy(screening, blob) {
  const body = openPadded(SCREENING, screening, blob);
  const [conversationId, messageId, flags, rest] = split(body, 16, 16, 1);
  must(flags[0] <= 3);
  const [text, languageHint] = texts(rest, 2);
  const [danger, isAnswers] = [(flags[0] & 1) === 1, (flags[0] & 2) === 2];
  return { conversationId, messageId, danger, isAnswers, text, languageHint };
}

/**
 * Whether the caretaker of the roster made this screening key.
 * @param {Uint8Array} caretakerSign @param {Uint8Array} key @param {Uint8Array} signature
 */
export const isScreeningKeyVerified = (caretakerSign, key, signature) =>
  key.length === 32 && verify(caretakerSign, signature, "screening", key);

// --- seeds of people and teams --------------------------------------------------------------

/** @param {Uint8Array} seed 32 bytes @returns {KeyPairs} */
export const staffKeys = (seed) => pairs(seed, "staff");

/** @param {Uint8Array} seed 32 bytes @returns {KeyPairs} */
export const teamKeys = (seed) => pairs(seed, "team");

const pairs = (seed, whose) => ({
  box: boxKeys(derive(seed, `${whose}/box`)),
  sign: signKeys(derive(seed, `${whose}/sign`)),
});

const staffAssociated = (staffId) => labelled("staff", header(STAFF_WRAP), exact(staffId, 16));

/**
 * Kind 0x14: a person's seed under the half of the password that is never sent.
 * @param {Uint8Array} wrappingKey @param {Uint8Array} staffId @param {Uint8Array} seed
 * @param {Uint8Array} [nonce] @returns {Uint8Array}
 */
export const sealStaffWrap = (wrappingKey, staffId, seed, nonce = randomBytes(24)) =>
  concat(header(STAFF_WRAP), aeadSeal(wrappingKey, staffAssociated(staffId), seed, nonce));

/**
 * @param {Uint8Array} wrappingKey @param {Uint8Array} staffId @param {Uint8Array} blob
 * @returns {Uint8Array} the person's seed @throws {import("./sealing.js").CannotOpen}
 */
export function openStaffWrap(wrappingKey, staffId, blob) {
  must(startsWith(blob, header(STAFF_WRAP)));
  const seed = aeadOpen(wrappingKey, staffAssociated(staffId), blob.subarray(3));
  must(seed.length === 32);
  return seed;
}

/** @param {Uint8Array} memberBox @param {number} epoch @param {Uint8Array} seed kind 0x30 */
export const sealGrant = (memberBox, epoch, seed) =>
  seal(GRANT, memberBox, concat(u32(epoch), exact(seed, 32)));

/**
 * The seed of this epoch; believed once `teamKeys` of it equal the roster's public keys.
 * @param {BoxKeys} member @param {Uint8Array} blob @param {number} epoch @returns {Uint8Array}
 * @throws {import("./sealing.js").CannotOpen}
 */
export const openGrant = (member, blob, epoch) => openSeed(GRANT, member, blob, epoch);

/** @param {Uint8Array} nextTeamBox @param {number} epoch @param {Uint8Array} seed kind 0x31 */
export const sealEarlierSeed = (nextTeamBox, epoch, seed) =>
  seal(EARLIER_SEED, nextTeamBox, concat(u32(epoch), exact(seed, 32)));

/**
 * @param {BoxKeys} nextTeam @param {Uint8Array} blob @param {number} epoch the earlier one
 * @returns {Uint8Array} its seed @throws {import("./sealing.js").CannotOpen}
 */
export const openEarlierSeed = (nextTeam, blob, epoch) =>
  openSeed(EARLIER_SEED, nextTeam, blob, epoch);

/**
 * The seed that a later epoch keeps, and of which earlier one: not of the one before it where who
 * began it could not open that.
 * @param {BoxKeys} laterTeam @param {Uint8Array} blob @returns {{epoch: number, seed: Uint8Array}}
 * @throws {import("./sealing.js").CannotOpen}
 */
export const readEarlierSeed = (laterTeam, blob) => readSeed(EARLIER_SEED, laterTeam, blob);

function readSeed(kind, keys, blob) {
  const [number, seed, rest] = split(openSealed(kind, keys, blob), 4, 32);
  must(!rest.length);
  return { epoch: readU32(number), seed };
}

function openSeed(kind, keys, blob, epoch) {
  const read = readSeed(kind, keys, blob);
  must(read.epoch === epoch);
  return read.seed;
}

// --- signing in and proofs ------------------------------------------------------------------

/** @param {string} name @returns {Uint8Array} the 16 bytes by which the keeper finds a person */
export const loginTag = (name) =>
  labelledHash("login", utf8(name.normalize("NFKC").toLowerCase().replace(/^ +| +$/g, ""))).slice(
    0,
    16,
  );

/**
 * The proof for one request to the keeper (docs/keeper.md, section 2).
 * @param {SignKeys} keys @param {Uint8Array} nonce 32 bytes @param {number} verb
 * @param {Uint8Array[]} signedArguments @param {Uint8Array} replyKey @returns {Uint8Array}
 */
export const signProof = (keys, nonce, verb, signedArguments, replyKey) =>
  sign(
    keys,
    "proof",
    exact(nonce, 32),
    [verb],
    labelledHash("arguments", pack(...signedArguments)),
    exact(replyKey, 32),
  );
