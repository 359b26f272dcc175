// The mark of a conversation: shape, word and two digits, made from its id in this browser, so
// that two people are never mixed up.
//
// From hash("mark", conversation id): u32 at 0 modulo 12 is the shape, u32 at 4 modulo 512 the word
// (line of vault/words/mark.en.txt), u32 at 8 modulo 90 plus 10 the number. The same id gives the
// same mark on every desk. Marks are for eyes: with many conversations some are equal, and
// `isNear` says so; nothing is ever looked up by a mark.

import { readU32 } from "../envelope/bytes.js";
import { labelledHash } from "../envelope/sealing.js";
import { MARK_WORDS } from "./mark_words.js";

/** Shapes that differ in outline at 14 px without colour; the ids of their words and drawings. */
export const SHAPES = [
  "circle",
  "square",
  "triangle_up",
  "triangle_down",
  "diamond",
  "hexagon",
  "star",
  "cross",
  "half_moon",
  "drop",
  "ring",
  "bars",
];
/** Six tones repeat the shape as an edge; they say nothing that the shape does not. */
export const TONES = 6;

/**
 * @typedef {object} Mark
 * @property {string} shape one of SHAPES
 * @property {string} word with a capital letter
 * @property {number} number 10 to 99
 * @property {number} tone 0 to TONES - 1, follows from the shape
 */

/** @param {Uint8Array} conversationId 16 bytes @returns {Mark} */
export function markOf(conversationId) {
  const digest = labelledHash("mark", conversationId);
  const shape = readU32(digest) % SHAPES.length;
  const word = MARK_WORDS[readU32(digest, 4) % MARK_WORDS.length];
  return {
    shape: SHAPES[shape],
    word: word[0].toUpperCase() + word.slice(1),
    number: 10 + (readU32(digest, 8) % 90),
    tone: shape % TONES,
  };
}

/** @param {Mark} mark @returns {string} without its shape, such as "Lantern 47" */
export const plainMark = (mark) => `${mark.word} ${mark.number}`;

/** @param {Mark} a @param {Mark} b @returns {boolean} whether all three parts are the same */
export const isSameMark = (a, b) =>
  a.shape === b.shape && a.word === b.word && a.number === b.number;

/**
 * Whether two people could be taken for each other by their marks: the same word, or the same shape
 * and number with a word that looks alike.
 * @param {Mark} a @param {Mark} b @returns {boolean}
 */
export const isNear = (a, b) =>
  a.word === b.word ||
  (a.shape === b.shape && a.number === b.number && a.word.slice(0, 3) === b.word.slice(0, 3));

/** @param {Mark} mark @param {string} typed @returns {boolean} whether it is the mark's word */
export const isWordOf = (mark, typed) =>
  typed.normalize("NFKC").trim().toLowerCase() === mark.word.toLowerCase();
