// One sealed message: docs/envelope.md, section 3. Twin of vault/envelope.py, which has the rules.

import {
  concat,
  equal,
  fromUtf8,
  MAX_PADDED,
  pack,
  readU32,
  readU64,
  u32,
  u64,
  unpack,
  utf8,
} from "./bytes.js";
import {
  header,
  labelledHash,
  MESSAGE,
  NOTE,
  opening,
  openPadded,
  must,
  sealPadded,
  sign,
  verify,
} from "./sealing.js";

/**
 * @typedef {object} Envelope
 * @property {Uint8Array} conversationId 16 bytes
 * @property {Uint8Array} messageId 16 bytes
 * @property {Uint8Array} writerId 16 bytes
 * @property {number} counter that writer's, in this conversation and direction, from 1
 * @property {number} direction
 * @property {number} origin
 * @property {number} epoch the team's, from 1; 0 unless the origin is the team
 * @property {number} timeMs what the writer's clock said: shown, never trusted
 * @property {boolean} danger "in danger now"
 * @property {number} format
 * @property {string} text the text; of a finding its JSON
 * @property {string} name who it is from, or ""; of a finding or of answers the language code
 */

/** @typedef {{envelope: Envelope, signed: Uint8Array, signature: Uint8Array}} Opened */

export const CLIENT_TO_TEAM = 1;
export const TEAM_TO_CLIENT = 2;
export const FINDING = 3;
export const TEAM_NOTE = 4;
export const DRAFT = 5;
export const HANDOVER = 6;
export const JUDGEMENT = 7;

export const FROM_CLIENT = 1;
export const FROM_COURIER = 2;
export const FROM_TEAM = 3;
export const FROM_CARETAKER = 4;

export const FORMAT_MESSAGE = 1;
export const FORMAT_FINDINGS = 2;
export const FORMAT_NOTE = 3;
export const FORMAT_DRAFT = 4;
export const FORMAT_ANSWERS = 5;
export const FORMAT_ATTACHMENTS = 6;

const FIELDS = 79;
const SIGNATURE = 64;
/** How many bytes of packed text and name fit. */
export const MAX_BODY = MAX_PADDED - FIELDS - SIGNATURE;

// kind, direction, origin, format
const VALID = [
  "1,1,1,1",
  "1,1,2,1",
  "1,1,1,5",
  "1,1,2,5",
  "1,1,1,6",
  "1,1,2,6",
  "1,2,3,1",
  "1,2,3,6",
  "2,3,4,2",
  "2,4,3,3",
  "2,5,3,4",
  "2,6,3,3",
  "2,7,3,3",
];

/** @param {number} kind @param {Envelope} e @returns {boolean} */
function isValid(kind, e) {
  return (
    VALID.includes([kind, e.direction, e.origin, e.format].join()) &&
    [e.conversationId, e.messageId, e.writerId].every((id) => id.length === 16) &&
    Number.isSafeInteger(e.counter) &&
    e.counter >= 1 &&
    Number.isSafeInteger(e.timeMs) &&
    e.timeMs >= 0 &&
    (e.origin === FROM_TEAM ? e.epoch >= 1 && e.epoch < 2 ** 32 : e.epoch === 0)
  );
}

/**
 * `content` signed and sealed to the conversation's public key.
 * @param {Envelope} content
 * @param {number} kind MESSAGE or NOTE of sealing.js
 * @param {Uint8Array} recipient
 * @param {import("./sealing.js").SignKeys} signer
 * @returns {Uint8Array}
 * @throws {import("./bytes.js").TooLong} above MAX_BODY
 * @throws {RangeError} for content that could not be opened again
 */
export function sealEnvelope(content, kind, recipient, signer) {
  if (!isValid(kind, content)) {
    throw new RangeError("these fields make no envelope");
  }
  const body = pack(utf8(content.text), utf8(content.name));
  const plain = concat(
    content.conversationId,
    content.messageId,
    content.writerId,
    u64(content.counter),
    [content.direction, content.origin],
    u32(content.epoch),
    u64(content.timeMs),
    [content.danger ? 1 : 0, content.format],
    u32(body.length),
    body,
  );
  const signature = sign(signer, "envelope", recipient, header(kind), plain);
  return sealPadded(kind, recipient, concat(plain, signature));
}

/**
 * The envelope in `blob`, if it is of this kind, this conversation and one of `directions`.
 * Whose it is stays open until `isVerified` is asked.
 * @param {Uint8Array} blob
 * @param {number} kind MESSAGE or NOTE of sealing.js
 * @param {import("./sealing.js").BoxKeys} keys
 * @param {Uint8Array} conversationId
 * @param {number[]} directions
 * @returns {Opened}
 * @throws {import("./sealing.js").CannotOpen}
 */
export function openEnvelope(blob, kind, keys, conversationId, directions) {
  const plain = concat(header(kind), openPadded(kind, keys, blob));
  const end = plain.length - SIGNATURE;
  must(end >= FIELDS && readU32(plain, 75) === end - FIELDS && plain[73] <= 1);
  const [text, name] = opening(() => unpack(plain.subarray(FIELDS, end), 2).map(fromUtf8));
  const envelope = {
    conversationId: plain.slice(3, 19),
    messageId: plain.slice(19, 35),
    writerId: plain.slice(35, 51),
    counter: readU64(plain, 51),
    direction: plain[59],
    origin: plain[60],
    epoch: readU32(plain, 61),
    timeMs: readU64(plain, 65),
    danger: plain[73] === 1,
    format: plain[74],
    text,
    name,
  };
  must(
    isValid(kind, envelope) &&
      equal(envelope.conversationId, conversationId) &&
      directions.includes(envelope.direction),
  );
  const signed = concat(keys.public, plain.subarray(0, end));
  return { envelope, signed, signature: plain.slice(end) };
}

/**
 * Whether the owner of this Ed25519 key signed it for this recipient. Which key that must be is
 * the reader's to know: by origin, and for the team by epoch.
 * @param {Opened} opened @param {Uint8Array} publicKey @returns {boolean}
 */
export const isVerified = (opened, publicKey) =>
  verify(publicKey, opened.signature, "envelope", opened.signed);

/** @param {Uint8Array} messageId @returns {Uint8Array} the id of the finding about a message */
export const findingId = (messageId) => labelledHash("finding", messageId).slice(0, 16);

/**
 * A reader's way through one conversation, row by row. Row numbers order the screen; nothing else
 * is believed of them.
 * @returns {(envelope: Envelope, verified: boolean) => {repeated: boolean, missing: number}}
 *   the place of the next envelope: whether it is dropped as a repeat, and how many of its
 *   writer's messages should have come before it and did not
 */
export function newReading() {
  const seen = new Set();
  const last = new Map();
  return (envelope, verified) => {
    const id = envelope.messageId.join();
    const forged = `unverified ${id}`;
    if (seen.has(id) || (!verified && seen.has(forged))) {
      return { repeated: true, missing: 0 };
    }
    if (!verified) {
      seen.add(forged);
      return { repeated: false, missing: 0 };
    }
    seen.add(id);
    const writer = `${envelope.writerId.join()} ${envelope.direction}`;
    const before = last.get(writer) ?? 0;
    last.set(writer, Math.max(before, envelope.counter));
    const isDraft = envelope.direction === DRAFT; // drafts replace each other
    return { repeated: false, missing: isDraft ? 0 : Math.max(0, envelope.counter - before - 1) };
  };
}
