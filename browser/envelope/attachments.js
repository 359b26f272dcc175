// Attachments as they are sealed and named: docs/envelope.md, section 9. Twin of
// vault/attachment_format.py, which has the rules.

import { concat, fromBase64Url, randomBytes, toBase64Url, u32 } from "./bytes.js";
import { aeadOpen, aeadSeal, CHUNK as KIND, header, must, opening, startsWith } from "./sealing.js";

export const CHUNK = 65_536;
export const SEALED_CHUNK = CHUNK + 19;
const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 160];
/** Bytes of the largest attachment. */
export const LARGEST = 160 * CHUNK;
export const MOST = 5;
export const PICTURES = ["jpeg", "png"];
export const SOUNDS = ["ogg", "mp3", "m4a", "wav", "webm", "aac"];
const KINDS = [...PICTURES, ...SOUNDS, "pdf", "mp4"];

/**
 * @typedef {object} Described what a message says about one attachment
 * @property {string} kind @property {number} size without padding
 * @property {Uint8Array} id 16 bytes @property {Uint8Array} key 32 @property {Uint8Array} prefix 19
 */

/** @param {number} size @returns {number} chunks @throws {RangeError} for nothing or too much */
export function chunkCount(size) {
  const count = COUNTS.find((one) => size <= one * CHUNK);
  if (!(size >= 1) || !count) {
    throw new RangeError("an attachment has 1 byte to 10 MiB");
  }
  return count;
}

/** @param {string} kind @param {number} size @returns {Described} with a key of its own */
export function describe(kind, size) {
  chunkCount(size);
  return { kind, size, id: randomBytes(16), key: randomBytes(32), prefix: randomBytes(19) };
}

const associated = (one, conversationId, messageId) => concat(conversationId, messageId, one.id);
const nonceOf = (one, index, count) =>
  concat(one.prefix, u32(index), [index === count - 1 ? 1 : 0]);

/**
 * One sealed chunk.
 * @param {Described} one @param {Uint8Array} conversationId @param {Uint8Array} messageId
 * @param {Uint8Array} plain all of it @param {number} index @returns {Uint8Array}
 */
export function sealChunk(one, conversationId, messageId, plain, index) {
  const piece = new Uint8Array(CHUNK);
  piece.set(plain.subarray(index * CHUNK, (index + 1) * CHUNK));
  const nonce = nonceOf(one, index, chunkCount(one.size));
  const sealed = aeadSeal(one.key, associated(one, conversationId, messageId), piece, nonce);
  return concat(header(KIND), sealed.subarray(24));
}

/**
 * @param {Described} one @param {Uint8Array} conversationId @param {Uint8Array} messageId
 * @param {Uint8Array[]} chunks all of them @returns {Uint8Array}
 * @throws {import("./sealing.js").CannotOpen}
 */
export function openChunks(one, conversationId, messageId, chunks) {
  const count = chunkCount(one.size);
  const plain = new Uint8Array(count * CHUNK);
  must(chunks.length === count);
  chunks.forEach((sealed, index) => {
    must(sealed.length === SEALED_CHUNK && startsWith(sealed, header(KIND)));
    const blob = concat(nonceOf(one, index, count), sealed.subarray(3));
    plain.set(aeadOpen(one.key, associated(one, conversationId, messageId), blob), index * CHUNK);
  });
  return plain.slice(0, one.size);
}

/** @param {Described[]} described @returns {string} the text of a message of format 6 */
export const writeList = (described) =>
  ["1", ...described.map(written)].join(" ");

const written = ({ kind, size, id, key, prefix }) =>
  `${kind}:${size}:${toBase64Url(concat(id, key, prefix))}`;

/** @param {string} text @returns {Described[]} @throws {import("./sealing.js").CannotOpen} */
export function readList(text) {
  const [version, ...words] = text.split(" ");
  must(version === "1" && words.length >= 1 && words.length <= MOST);
  const described = words.map(readOne);
  must(new Set(described.map(({ id }) => toBase64Url(id))).size === described.length);
  return described;
}

function readOne(word) {
  const found = /^([a-z0-9]{1,4}):([1-9][0-9]{0,7}):([A-Za-z0-9_-]{90})$/.exec(word);
  must(found && KINDS.includes(found[1]) && Number(found[2]) <= LARGEST);
  const plain = opening(() => fromBase64Url(found[3]));
  must(toBase64Url(plain) === found[3]);
  return {
    kind: found[1],
    size: Number(found[2]),
    id: plain.slice(0, 16),
    key: plain.slice(16, 48),
    prefix: plain.slice(48),
  };
}
