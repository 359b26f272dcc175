// The return phrase as words and digits: docs/envelope.md, section 5. Twin of vault/phrase.py.
//
// The list of 2048 words is handed in, because a page fetches it only once somebody needs words;
// digits work without it.

import { labelledHash } from "../envelope/sealing.js";

/** @typedef {Uint8Array} Phrase ten bytes, big-endian, the upper three bits zero */

const PHRASE_BITS = 77n;
const MAX_TEXT = 1000;

// H. M. Damm's totally anti-symmetric quasigroup of order 10 (Marburg 2004), row by row.
const DAMM =
  "0317598642709215486342068713591750983426612304597836742095815869720134894536201794386172052581436790";

/** What was typed is no phrase; it holds nothing of what was typed. */
export class NotAPhrase extends Error {
  /**
   * @param {"count" | "unknown word" | "check word" | "check digit" | "too large"} reason
   * @param {boolean} digits whether digits were read, otherwise words
   * @param {number} found how many there were
   * @param {number} [position] of the unknown word, from 1
   * @param {string[]} [candidates] listed words near the unknown one: none or several
   */
  constructor(reason, digits, found, position = 0, candidates = []) {
    super(`this is not a return phrase: ${reason}`);
    Object.assign(this, { reason, digits, found, position, candidates });
  }
}

/** @param {Uint8Array} randomness ten bytes or more @returns {Phrase} its upper three bits dropped */
export function phraseFrom(randomness) {
  const phrase = randomness.slice(0, 10);
  phrase[0] &= 0x1f;
  return phrase;
}

/** @returns {Phrase} */
export const newPhrase = () => phraseFrom(crypto.getRandomValues(new Uint8Array(10)));

/** @param {Uint8Array} bytes @returns {bigint} */
const toNumber = (bytes) => bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);

/** @param {bigint} number below 2^77 @returns {Phrase} */
const toPhrase = (number) =>
  Uint8Array.from({ length: 10 }, (_, i) => Number((number >> BigInt(72 - 8 * i)) & 0xffn));

// --- showing --------------------------------------------------------------------------------

/** The groups of 11 bits of `bits` bits, most significant first, as listed words. */
const listed = (number, bits, count, list) =>
  Array.from({ length: count }, (_, i) => {
    const shift = BigInt(bits - 11 * (i + 1));
    return list[Number((number >> shift) & 0x7ffn)];
  });

const checkWord = (phrase, list) =>
  listed(toNumber(labelledHash("check", phrase)), 256, 1, list)[0];

/** @param {Phrase} phrase @param {string[]} list @returns {string[]} seven words, a check word */
export const wordsOf = (phrase, list) => [
  ...listed(toNumber(phrase), 77, 7, list),
  checkWord(phrase, list),
];

/** @param {Phrase} phrase @returns {string[]} five groups of five digits */
export function digitsOf(phrase) {
  const plain = toNumber(phrase).toString().padStart(24, "0");
  return (plain + damm(plain)).match(/.{5}/g);
}

/**
 * The first 88 bits of a root fingerprint as eight words, to be compared aloud.
 * @param {Uint8Array} fingerprint @param {string[]} list @returns {string[]}
 */
export const fingerprintWords = (fingerprint, list) => listed(toNumber(fingerprint), 256, 8, list);

/** The check digit of a number; 0 for one that ends in its own. */
function damm(number) {
  let interim = 0;
  for (const digit of number) {
    interim = Number(DAMM[interim * 10 + Number(digit)]);
  }
  return interim;
}

// --- reading --------------------------------------------------------------------------------

/**
 * Whether a text would be read as digits, so that no list of words is needed for it.
 * @param {string} text @returns {boolean}
 */
export const isDigits = (text) => simplify(text).digits;

/**
 * The phrase in what somebody typed, words or digits. Case, accents, spaces, punctuation and the
 * script of the digits do not matter. Where there are more letters than digits, words are read.
 * @param {string} text
 * @param {string[]} [list] the words; not needed where `isDigits`
 * @returns {Phrase}
 * @throws {NotAPhrase}
 */
export function readPhrase(text, list = []) {
  const { words, numerals, digits, tooLong } = simplify(text);
  const found = digits ? numerals.length : words.length;
  if (tooLong || found !== (digits ? 25 : 8)) {
    throw new NotAPhrase("count", digits, found);
  }
  return digits ? fromDigits(numerals) : fromWords(words, list);
}

function simplify(text) {
  const plain = [...text].slice(0, MAX_TEXT + 1).join("").normalize("NFKD").toLowerCase();
  const bare = plain.replace(/\p{M}/gu, "");
  const words = bare.match(/\p{L}+/gu) ?? [];
  const numerals = (bare.match(/\p{Nd}/gu) ?? []).map(digitValue).join("");
  const digits = [...words.join("")].length <= numerals.length;
  return { words, numerals, digits, tooLong: [...text].length > MAX_TEXT };
}

/** What a decimal digit of any script counts: Unicode keeps each script's ten in a row. */
function digitValue(digit) {
  const code = digit.codePointAt(0);
  let before = 0;
  while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) {
    before += 1;
  }
  return before % 10;
}

function fromDigits(numerals) {
  if (damm(numerals) !== 0) {
    throw new NotAPhrase("check digit", true, 25);
  }
  const number = BigInt(numerals.slice(0, 24));
  if (number >> PHRASE_BITS) {
    throw new NotAPhrase("too large", true, 25);
  }
  return toPhrase(number);
}

function fromWords(words, list) {
  const meant = words.map((word, i) => listedWord(word, i + 1, list));
  const number = meant
    .slice(0, 7)
    .reduce((sum, word) => (sum << 11n) | BigInt(list.indexOf(word)), 0n);
  const phrase = toPhrase(number);
  if (checkWord(phrase, list) !== meant[7]) {
    throw new NotAPhrase("check word", false, 8);
  }
  return phrase;
}

/** The listed word that `typed` can only mean. */
function listedWord(typed, position, list) {
  if (list.includes(typed)) {
    return typed;
  }
  const letters = [...typed];
  const near = list.filter((word) => isOneSlip(letters, [...word]));
  const start = firstFour(typed);
  const meant = near.length ? near : list.filter((word) => firstFour(word) === start);
  if (meant.length === 1) {
    return meant[0];
  }
  throw new NotAPhrase("unknown word", false, 8, position, meant);
}

const firstFour = (word) => [...word].slice(0, 4).join("");

/** Whether one letter is wrong, missing or too many, or two neighbours are exchanged. */
function isOneSlip(a, b) {
  let start = 0;
  while (start < a.length && a[start] === b[start]) {
    start += 1;
  }
  const after = (letters, n) => letters.slice(start + n).join("");
  if (a.length !== b.length) {
    return a.length > b.length ? after(a, 1) === after(b, 0) : after(a, 0) === after(b, 1);
  }
  const exchanged = a[start] === b[start + 1] && a[start + 1] === b[start];
  return after(a, 1) === after(b, 1) || (exchanged && after(a, 2) === after(b, 2));
}
