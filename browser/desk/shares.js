// Recovery shares: a secret that exists only on paper, k of n sheets with sixteen words each
// (docs/envelope.md, section 12). The splitting itself is an audited library's.

import { combine, split } from "shamir-secret-sharing";

import { concat, equal, randomBytes } from "../envelope/bytes.js";
import { labelledHash } from "../envelope/sealing.js";
import { staffKeys } from "../envelope/wraps.js";

const SECRET = 16;
const PART = SECRET + 1;
const BODY = PART + 2;
const CHECK = 3;
const BITS = 8 * (BODY + CHECK);
const WORD_BITS = 11;
export const SHARE_WORDS = BITS / WORD_BITS;
const START = 4; // letters that name a word
export const MOST = 8;

/** What was typed is no share. @property {number} position of the unknown word, from 1; or 0 */
export class NotAShare extends Error {
  /** @param {"count" | "word" | "check"} reason @param {number} [position] */
  constructor(reason, position = 0) {
    super(`this is not a recovery share: ${reason}`);
    Object.assign(this, { reason, position });
  }
}

/** The sheets do not give one secret: too few, of other sets, or of another team. */
export class NotTheRecovery extends Error {}

/** @param {Uint8Array} secret @returns {import("../envelope/wraps.js").KeyPairs} */
export const recoveryKeys = (secret) => staffKeys(labelledHash("recovery", secret));

const checkOf = (body) => labelledHash("share", body).slice(0, CHECK);

/** @param {Uint8Array} bytes @param {string[]} list @returns {string[]} */
function toWords(bytes, list) {
  const number = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return Array.from({ length: SHARE_WORDS }, (_, i) => {
    const shift = BigInt(BITS - WORD_BITS * (i + 1));
    return list[Number((number >> shift) & 0x7ffn)];
  });
}

/** @param {number[]} places in the list @returns {Uint8Array} */
function toBytes(places) {
  const number = places.reduce((sum, place) => (sum << BigInt(WORD_BITS)) | BigInt(place), 0n);
  return Uint8Array.from({ length: BODY + CHECK }, (_, i) =>
    Number((number >> BigInt(BITS - 8 * (i + 1))) & 0xffn),
  );
}

/**
 * @param {number} count @param {number} needed @param {string[]} list of 2048 words
 * @returns {Promise<{secret: Uint8Array, sheets: string[][]}>} any `needed` sheets give the secret
 */
export async function makeShares(count, needed, list) {
  const secret = randomBytes(SECRET);
  const [set] = randomBytes(1);
  const parts = await split(secret, count, needed);
  const sheets = parts.map((part) => {
    const body = concat([needed, set], part);
    return toWords(concat(body, checkOf(body)), list);
  });
  return { secret, sheets };
}

/**
 * @param {string} typed @param {string[]} list
 * @returns {{needed: number, set: number, part: Uint8Array}} @throws {NotAShare}
 */
export function readShare(typed, list) {
  const words = typed.toLowerCase().match(/[a-z]+/g) ?? [];
  const places = words.map((word, i) => {
    const found = list.findIndex((one) => one === word || one.slice(0, START) === word);
    if (found < 0) {
      throw new NotAShare("word", i + 1);
    }
    return found;
  });
  if (places.length !== SHARE_WORDS) {
    throw new NotAShare("count");
  }
  const bytes = toBytes(places);
  const body = bytes.slice(0, BODY);
  if (!equal(checkOf(body), bytes.slice(BODY))) {
    throw new NotAShare("check");
  }
  return { needed: body[0], set: body[1], part: body.slice(2) };
}

/**
 * @param {ReturnType<typeof readShare>[]} shares all different
 * @returns {Promise<Uint8Array>} the secret, to be compared with the roster
 * @throws {NotTheRecovery}
 */
export async function joinShares(shares) {
  const [first] = shares;
  const isOneSet =
    first &&
    shares.length >= first.needed &&
    shares.every(({ set, needed }) => set === first.set && needed === first.needed) &&
    new Set(shares.map(({ part }) => part[PART - 1])).size === shares.length;
  if (!isOneSet) {
    throw new NotTheRecovery();
  }
  return combine(shares.map(({ part }) => part));
}
