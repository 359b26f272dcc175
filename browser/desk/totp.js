// The second key's numbers: RFC 6238 over RFC 4226, SHA-1, six digits, 30 seconds. Twin of
// intake_server/keeper/totp.py, for the one try at set-up. The keeper decides.

import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";

import { readU32, u64 } from "../envelope/bytes.js";

export const SECRET_SIZE = 20;
const STEP = 30;
const EITHER_SIDE = 1;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** @param {number} seconds since 1970 @returns {number} the step that this moment lies in */
export const stepOf = (seconds) => Math.floor(seconds / STEP);

/** @param {Uint8Array} secret @param {number} step @returns {number} */
export function codeAt(secret, step) {
  const digest = hmac(sha1, secret, u64(step));
  const offset = digest[digest.length - 1] & 0x0f;
  return (readU32(digest, offset) & 0x7fffffff) % 1_000_000;
}

/** @param {string} typed @returns {number | null} the number in it; null unless six digits */
export function readCode(typed) {
  const digits = typed.normalize("NFKC").replace(/[\s-]/g, "");
  return /^\d{6}$/.test(digits) ? Number(digits) : null;
}

/**
 * @param {Uint8Array} secret @param {number} code @param {number} seconds since 1970
 * @returns {boolean} whether it is the number shown now, or one step either side
 */
export function isCodeNow(secret, code, seconds) {
  const steps = [...Array(2 * EITHER_SIDE + 1).keys()].map((i) => i - EITHER_SIDE);
  return steps.some((step) => codeAt(secret, stepOf(seconds) + step) === code);
}

/** @param {Uint8Array} bytes @returns {string} base32 (RFC 4648, 6) without padding */
export function base32(bytes) {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
  }
  return bits ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/**
 * What an app that shows six digits reads from the picture. The name in it is neutral: it stands
 * in that app's list, in sight of others.
 * @param {Uint8Array} secret @param {string} issuer @param {string} account @returns {string}
 */
export const keyUri = (secret, issuer, account) =>
  `otpauth://totp/${encodeURIComponent(`${issuer}:${account}`)}` +
  `?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`;
