// The roster: docs/envelope.md, section 7. Twin of vault/roster.py. `verifyChain` is what the
// client page carries; the desk also makes entries.

import {
  concat,
  equal,
  fromUtf8,
  pack,
  readU32,
  readU64,
  u32,
  u64,
  unpack,
  utf8,
} from "../envelope/bytes.js";
import { header, labelledHash, ROSTER_ENTRY, sign, startsWith, verify } from "../envelope/sealing.js";

export const FOUNDING = 1;
export const PERSON = 2;
export const REMOVAL = 3;
export const EPOCH = 4;
export const POLICY = 5;

export const COUNSELLOR = 1;
export const SUPERVISOR = 2;
export const ADMIN = 4;
export const AUDITOR = 8;

const FIELDS = 68;
const SIGNATURE = 64;
const NO_ID = new Uint8Array(16);
const NO_ENTRY = new Uint8Array(32);
// Who may sign what, after the founding.
const AUTHORITY = { [PERSON]: ADMIN, [REMOVAL]: ADMIN, [EPOCH]: COUNSELLOR, [POLICY]: ADMIN };

/** An entry does not hold, so nothing of the chain does; the text says which and why. */
export class RosterError extends Error {}

/**
 * @typedef {object} Person
 * @property {Uint8Array} staffId 16 bytes
 * @property {string} name for signing in
 * @property {string} shownName what clients see
 * @property {Uint8Array} boxKey
 * @property {Uint8Array} signKey
 * @property {number} roles bits: COUNSELLOR, SUPERVISOR, ADMIN, AUDITOR
 */

/**
 * @typedef {object} Epoch
 * @property {number} number
 * @property {Uint8Array} boxKey
 * @property {Uint8Array} signKey
 * @property {Uint8Array} earlierSeed kind 0x31; empty in epoch 1
 */

/**
 * @typedef {object} Founding
 * @property {Uint8Array} rootKey
 * @property {Person} person
 * @property {Uint8Array} teamBoxKey
 * @property {Uint8Array} teamSignKey
 * @property {Uint8Array} courierBoxKey
 * @property {Uint8Array} courierSignKey
 * @property {Uint8Array} caretakerSignKey
 * @property {Uint8Array | null} recoveryBoxKey
 */

/**
 * @typedef {object} Roster what a verified chain says now
 * @property {Founding} founding
 * @property {Uint8Array} fingerprint of the root
 * @property {Person[]} people who was removed is not among them
 * @property {Uint8Array[]} removed their ids
 * @property {Epoch[]} epochs the last is the current one; number n stands at n - 1
 * @property {Uint8Array[]} policies TOML as signed, oldest first
 * @property {boolean} isEpochDue somebody has kept keys that must open nothing new
 * @property {Uint8Array[]} hashes of all entries; the last is the head
 * @property {number} time of the last entry, seconds
 */

/** @throws {RosterError} unless it holds */
function holds(condition, number, why) {
  if (!condition) {
    throw new RosterError(`roster entry ${number}: ${why}`);
  }
}

/** @param {Uint8Array[]} ids @param {Uint8Array} id @returns {boolean} */
const has = (ids, id) => ids.some((known) => equal(known, id));

/** @param {Roster} roster @param {Uint8Array} staffId @returns {Person | undefined} */
export const personOf = (roster, staffId) =>
  roster.people.find((person) => equal(person.staffId, staffId));

/** @param {Roster} roster @returns {Uint8Array} the hash of the last entry */
export const headOf = (roster) => roster.hashes[roster.hashes.length - 1];

/** @param {Roster} roster @returns {Epoch} the team's current keys */
export const currentEpoch = (roster) => roster.epochs[roster.epochs.length - 1];

/** @param {Roster} roster @param {Uint8Array} head @returns {boolean} whether it is on the chain */
export const liesOnChain = (roster, head) => has(roster.hashes, head);

/** @param {Uint8Array} rootKey @returns {Uint8Array} the root fingerprint, 32 bytes */
export const rootFingerprint = (rootKey) => labelledHash("root", rootKey);

// --- verifying ------------------------------------------------------------------------------

/**
 * What a whole chain says, from its first entry.
 * @param {Uint8Array[]} entries
 * @param {Uint8Array} [fingerprint] if given, only a chain from this root holds
 * @returns {Roster}
 * @throws {RosterError}
 */
export function verifyChain(entries, fingerprint) {
  holds(entries.length > 0, 1, "the chain has no entries");
  const roster = found(entries[0]);
  const isRoot = !fingerprint || equal(fingerprint, roster.fingerprint);
  holds(isRoot, 1, "it is another root than the one that was compared");
  return entries.slice(1).reduce(extend, roster);
}

/**
 * The roster after one more entry.
 * @param {Roster} roster @param {Uint8Array} raw @returns {Roster} @throws {RosterError}
 */
export function extend(roster, raw) {
  const number = roster.hashes.length + 1;
  const entry = readEntry(raw, number, headOf(roster));
  const signer = personOf(roster, entry.signerId);
  holds(signer, number, "its signer is not a member");
  holds(entry.type in AUTHORITY, number, "its type is unknown");
  holds(signer.roles & AUTHORITY[entry.type], number, "its signer's role does not allow it");
  checkSignature(entry, signer.signKey);
  const changed = apply(roster, entry);
  return { ...roster, ...changed, hashes: [...roster.hashes, entry.hash], time: entry.time };
}

/** An entry taken apart, if it has its place after `previous`. */
function readEntry(raw, number, previous) {
  const isEntry = raw.length >= FIELDS + SIGNATURE && startsWith(raw, header(ROSTER_ENTRY));
  holds(isEntry && readU32(raw, 3) === number, number, "it is no entry of this number");
  holds(equal(raw.subarray(7, 39), previous), number, "it does not follow the entry before it");
  const end = FIELDS + readU32(raw, 64);
  const time = readU64(raw, 39);
  const isWhole = raw.length === end + SIGNATURE && Number.isSafeInteger(time);
  holds(isWhole, number, "its length or time is wrong");
  return {
    number,
    time,
    type: raw[47],
    signerId: raw.slice(48, 64),
    payload: raw.subarray(FIELDS, end),
    signed: raw.subarray(0, end),
    signature: raw.slice(end),
    hash: labelledHash("roster", raw),
  };
}

function checkSignature(entry, key) {
  const isSigned = verify(key, entry.signature, "roster-sign", entry.signed);
  holds(isSigned, entry.number, "its signature does not hold");
}

function fieldsOf(entry, count) {
  try {
    return unpack(entry.payload, count);
  } catch {
    return holds(false, entry.number, "its fields are not laid out as its type asks");
  }
}

/** @returns {Roster} */
function found(raw) {
  const entry = readEntry(raw, 1, NO_ENTRY);
  holds(entry.type === FOUNDING && equal(entry.signerId, NO_ID), 1, "it founds no roster");
  const fields = fieldsOf(entry, 13);
  const [rootKey, team, teamSign, courier, courierSign, caretaker] = [0, 7, 8, 9, 10, 11].map(
    (i) => key(entry, fields[i]),
  );
  const person = readPerson(entry, fields.slice(1, 7));
  holds(person.roles & ADMIN, 1, "the first person is an admin");
  const recoveryBoxKey = fields[12].length ? key(entry, fields[12]) : null;
  checkSignature(entry, rootKey);
  return {
    founding: {
      rootKey,
      person,
      teamBoxKey: team,
      teamSignKey: teamSign,
      courierBoxKey: courier,
      courierSignKey: courierSign,
      caretakerSignKey: caretaker,
      recoveryBoxKey,
    },
    fingerprint: rootFingerprint(rootKey),
    people: [person],
    removed: [],
    epochs: [{ number: 1, boxKey: team, signKey: teamSign, earlierSeed: new Uint8Array() }],
    policies: [],
    isEpochDue: false,
    hashes: [entry.hash],
    time: entry.time,
  };
}

function key(entry, bytes) {
  holds(bytes.length === 32, entry.number, "a public key has 32 bytes");
  return bytes;
}

/** @returns {Person} */
function readPerson(entry, [staffId, name, shownName, boxKey, signKey, roles]) {
  const isId = staffId.length === 16 && !equal(staffId, NO_ID);
  holds(isId, entry.number, "a staff id has 16 bytes that are not all zero");
  const isRoles = roles.length === 1 && roles[0] > 0 && roles[0] <= 15;
  holds(isRoles, entry.number, "its roles are unknown");
  try {
    return {
      staffId,
      name: fromUtf8(name),
      shownName: fromUtf8(shownName),
      boxKey: key(entry, boxKey),
      signKey: key(entry, signKey),
      roles: roles[0],
    };
  } catch (error) {
    if (error instanceof RosterError) {
      throw error;
    }
    return holds(false, entry.number, "a name is not readable");
  }
}

/** What an entry changes. */
function apply(roster, entry) {
  if (entry.type === EPOCH) {
    return applyEpoch(roster, entry);
  }
  if (entry.type === POLICY) {
    return { policies: [...roster.policies, ...fieldsOf(entry, 1)] };
  }
  return entry.type === PERSON ? applyPerson(roster, entry) : applyRemoval(roster, entry);
}

function applyPerson(roster, entry) {
  const person = readPerson(entry, fieldsOf(entry, 6));
  const isRemoved = has(roster.removed, person.staffId);
  holds(!isRemoved, entry.number, "a removed person's id is never used again");
  return withPeople(roster, entry, [...without(roster, person.staffId), person]);
}

function applyRemoval(roster, entry) {
  const [staffId] = fieldsOf(entry, 1);
  holds(personOf(roster, staffId), entry.number, "who is removed is not a member");
  const changed = withPeople(roster, entry, without(roster, staffId));
  return { ...changed, removed: [...roster.removed, staffId] };
}

const without = (roster, staffId) =>
  roster.people.filter((person) => !equal(person.staffId, staffId));

function withPeople(roster, entry, people) {
  const hasAdmin = people.some((person) => person.roles & ADMIN);
  holds(hasAdmin, entry.number, "the last admin stays an admin");
  const counsellors = roster.people.filter((person) => person.roles & COUNSELLOR);
  const isEpochDue = roster.isEpochDue || !counsellors.every((one) => stillCounsels(one, people));
  return { people, isEpochDue };
}

/** Whether a counsellor is still one, with the same keys. */
const stillCounsels = (before, people) =>
  people.some(
    (now) =>
      equal(now.staffId, before.staffId) &&
      now.roles & COUNSELLOR &&
      equal(now.boxKey, before.boxKey) &&
      equal(now.signKey, before.signKey),
  );

function applyEpoch(roster, entry) {
  const [numbered, boxKey, signKey, earlierSeed] = fieldsOf(entry, 4);
  const number = roster.epochs.length + 1;
  holds(equal(numbered, u32(number)), entry.number, `epoch ${number} is due here`);
  const epoch = { number, boxKey: key(entry, boxKey), signKey: key(entry, signKey), earlierSeed };
  return { epochs: [...roster.epochs, epoch], isEpochDue: false };
}

/**
 * What names a newcomer when it is read aloud: root, id, name, keys and roles.
 * @param {Uint8Array} fingerprint of the root @param {Person} person
 * @returns {Uint8Array} 32 bytes; people compare the first 88 bits as eight words
 */
export const newcomerHash = (fingerprint, p) =>
  labelledHash(
    "newcomer",
    pack(fingerprint, p.staffId, utf8(p.shownName), p.boxKey, p.signKey, Uint8Array.of(p.roles)),
  );

// --- making entries -------------------------------------------------------------------------

/** @param {Person} p @returns {Uint8Array[]} */
const personFields = (p) => [
  p.staffId,
  utf8(p.name),
  utf8(p.shownName),
  p.boxKey,
  p.signKey,
  Uint8Array.of(p.roles),
];

/** @param {Founding} f @returns {Uint8Array} the payload of entry 1 */
export const foundingPayload = (f) =>
  pack(
    f.rootKey,
    ...personFields(f.person),
    f.teamBoxKey,
    f.teamSignKey,
    f.courierBoxKey,
    f.courierSignKey,
    f.caretakerSignKey,
    f.recoveryBoxKey ?? new Uint8Array(),
  );

/** @param {Person} person @returns {Uint8Array} the payload that adds or changes a person */
export const personPayload = (person) => pack(...personFields(person));

/** @param {Uint8Array} staffId @returns {Uint8Array} the payload that removes a person */
export const removalPayload = (staffId) => pack(staffId);

/** @param {Epoch} epoch @returns {Uint8Array} the payload that starts an epoch */
export const epochPayload = (epoch) =>
  pack(u32(epoch.number), epoch.boxKey, epoch.signKey, epoch.earlierSeed);

/** @param {string} toml @returns {Uint8Array} the payload that puts a retention policy in force */
export const policyPayload = (toml) => pack(utf8(toml));

/**
 * Entry 1; the root's private half is forgotten after it.
 * @param {Founding} founding @param {import("../envelope/sealing.js").SignKeys} root
 * @param {number} time seconds @returns {Uint8Array} @throws {RosterError}
 */
export function signFounding(founding, root, time) {
  const entry = signed(1, NO_ENTRY, time, FOUNDING, NO_ID, foundingPayload(founding), root);
  verifyChain([entry]);
  return entry;
}

/**
 * The next entry of `roster`.
 * @param {Roster} roster @param {number} type @param {Uint8Array} payload
 * @param {Uint8Array} signerId @param {import("../envelope/sealing.js").SignKeys} keys
 * @param {number} time seconds @returns {Uint8Array}
 * @throws {RosterError} if it would not hold
 */
export function signEntry(roster, type, payload, signerId, keys, time) {
  const number = roster.hashes.length + 1;
  const entry = signed(number, headOf(roster), time, type, signerId, payload, keys);
  extend(roster, entry);
  return entry;
}

function signed(number, previous, time, type, signerId, payload, keys) {
  const head = concat(header(ROSTER_ENTRY), u32(number), previous, u64(time), [type], signerId);
  const unsigned = concat(head, u32(payload.length), payload);
  return concat(unsigned, sign(keys, "roster-sign", unsigned));
}
