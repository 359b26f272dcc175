// Bytes and fields: docs/envelope.md, sections 1 and 2. Twin of the same part of vault/sealing.py.

const BUCKETS = [512, 1024, 2048, 4096, 8192, 16384];
export const MAX_PADDED = 16383;

/** Packed fields or a padding are not laid out as their reader expects. */
export class Malformed extends Error {}

/** A text does not fit into the largest bucket. */
export class TooLong extends Error {}

/** @param {...(Uint8Array | number[])} parts @returns {Uint8Array} all of them in a row */
export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {string} text @returns {Uint8Array} its UTF-8 */
export const utf8 = (text) => new TextEncoder().encode(text);

/**
 * The text of UTF-8 bytes, a byte order mark included.
 * @param {Uint8Array} bytes @returns {string}
 * @throws {TypeError} for bytes that are no UTF-8
 */
export const fromUtf8 = (bytes) =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

/** @param {number} n @returns {Uint8Array} u32, big-endian */
export function u32(n) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

/** @param {number} n up to 2^53 - 1 @returns {Uint8Array} u64, big-endian */
export const u64 = (n) => concat(u32(Math.floor(n / 2 ** 32)), u32(n % 2 ** 32));

/** @param {Uint8Array} bytes @param {number} [at] @returns {number} */
export const readU32 = (bytes, at = 0) =>
  new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0);

/**
 * A u64 as a number; may be larger than 2^53 - 1, where it is no longer exact.
 * @param {Uint8Array} bytes @param {number} [at] @returns {number}
 */
export const readU64 = (bytes, at = 0) => readU32(bytes, at) * 2 ** 32 + readU32(bytes, at + 4);

/** @param {...Uint8Array} fields @returns {Uint8Array} each behind its length as u32 */
export const pack = (...fields) => concat(...fields.flatMap((field) => [u32(field.length), field]));

/**
 * The fields of `pack`.
 * @param {Uint8Array} data
 * @param {number} [count] how many are expected; any number if left out
 * @returns {Uint8Array[]}
 * @throws {Malformed} for fewer or more, a length that overruns, or bytes left over
 */
export function unpack(data, count) {
  const fields = [];
  for (let at = 0; at < data.length; ) {
    if (at + 4 > data.length) {
      throw new Malformed();
    }
    const start = at + 4;
    at = start + readU32(data, at);
    if (at > data.length) {
      throw new Malformed();
    }
    fields.push(data.slice(start, at));
  }
  if (count !== undefined && fields.length !== count) {
    throw new Malformed();
  }
  return fields;
}

/**
 * `plain` with 0x80 and zeros up to the smallest bucket.
 * @param {Uint8Array} plain @param {number} [least] size of the smallest bucket to take
 * @returns {Uint8Array}
 * @throws {TooLong} above the largest
 */
export function pad(plain, least = 0) {
  const bucket = BUCKETS.find((size) => plain.length < size && size >= least);
  if (!bucket) {
    throw new TooLong();
  }
  const padded = new Uint8Array(bucket);
  padded.set(plain);
  padded[plain.length] = 0x80;
  return padded;
}

/** @param {Uint8Array} padded @returns {Uint8Array} @throws {Malformed} */
export function unpad(padded) {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) {
    end -= 1;
  }
  if (!BUCKETS.includes(padded.length) || padded[end] !== 0x80) {
    throw new Malformed();
  }
  return padded.slice(0, end);
}

/**
 * Whether two values are the same, in a time that depends on their lengths only.
 * @param {Uint8Array} a @param {Uint8Array} b @returns {boolean}
 */
export function equal(a, b) {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i += 1) {
    difference |= a[i] ^ b[i];
  }
  return difference === 0;
}

/** @param {number} size @returns {Uint8Array} from the browser's generator */
export const randomBytes = (size) => crypto.getRandomValues(new Uint8Array(size));

/** @param {Uint8Array} bytes @returns {string} base64url without padding (RFC 4648, 5) */
export function toBase64Url(bytes) {
  let binary = "";
  for (const byte of bytes) {
    binary += String.fromCharCode(byte);
  }
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

/**
 * @param {string} text base64url, padding optional
 * @returns {Uint8Array}
 * @throws {DOMException} for other characters
 */
export function fromBase64Url(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
