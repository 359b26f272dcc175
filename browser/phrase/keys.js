// Argon2id and what is derived with it: docs/envelope.md, sections 5 and 6.
//
// In slices of a few milliseconds, so that the page goes on living: a browser without a JIT
// compiler needs seconds.

import { argon2idAsync } from "@noble/hashes/argon2.js";

import { pack, utf8 } from "../envelope/bytes.js";
import { boxKeys, derive, labelledHash, signKeys } from "../envelope/sealing.js";

const SLICE_MS = 8;

/**
 * @typedef {object} PhraseKeys
 * @property {Uint8Array} lookupTag 16 bytes by which the conversation is found
 * @property {import("../envelope/sealing.js").BoxKeys} box
 * @property {import("../envelope/sealing.js").SignKeys} sign
 */

/**
 * The keys of a return phrase: 8 MiB, one pass, a fixed salt (77 random bits carry the security).
 * @param {import("./phrase.js").Phrase} phrase
 * @param {(share: number) => void} [onProgress] told how far it is, 0 to 1
 * @returns {Promise<PhraseKeys>}
 */
export async function phraseKeys(phrase, onProgress) {
  const root = await argon2idAsync(phrase, utf8("havenline-phrase"), {
    m: 8192,
    t: 1,
    p: 1,
    dkLen: 32,
    asyncTick: SLICE_MS,
    onProgress,
  });
  return {
    lookupTag: derive(root, "phrase/lookup").slice(0, 16),
    box: boxKeys(derive(root, "phrase/box")),
    sign: signKeys(derive(root, "phrase/sign")),
  };
}

/**
 * The ten digits that a page shows and a chat repeats: as slow as a phrase, so that nobody finds
 * other keys with the same number in a quarter of an hour; of the code too, so that nobody looks
 * for them before.
 * @param {string} code by which the page asks @param {Uint8Array} hash of what it proposes
 * @returns {Promise<string>}
 */
export async function pageNumber(code, hash) {
  const named = labelledHash("page-number", pack(utf8(code), hash));
  const slow = await argon2idAsync(named, utf8("havenline-number"), {
    m: 8192,
    t: 1,
    p: 1,
    dkLen: 32,
    asyncTick: SLICE_MS,
  });
  let number = 0n;
  for (const byte of slow.subarray(0, 8)) {
    number = number * 256n + BigInt(byte);
  }
  return String(number % 10n ** 10n).padStart(10, "0");
}

/**
 * Both halves of a staff password: 64 MiB, three passes, 64 bytes.
 * @param {string} password
 * @param {Uint8Array} salt 16 bytes
 * @param {(share: number) => void} [onProgress]
 * @returns {Promise<{authentication: Uint8Array, wrapping: Uint8Array}>} what is sent to the
 *   keeper, and what never leaves this page
 */
export async function passwordParts(password, salt, onProgress) {
  const both = await argon2idAsync(utf8(password.normalize("NFKC")), salt, {
    m: 65536,
    t: 3,
    p: 1,
    dkLen: 64,
    asyncTick: SLICE_MS,
    onProgress,
  });
  return { authentication: both.slice(0, 32), wrapping: both.slice(32) };
}
