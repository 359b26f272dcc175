// Which people on this desk could be taken for each other: by mark, or by the name they chose.

import { isNear } from "./mark.js";

/** A name without case, marks and everything that is no letter or digit. */
const bare = (name) =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "");

/**
 * Whether two chosen names are the same or one slip apart ("Mira", "Miro").
 * @param {string} a @param {string} b either may be empty @returns {boolean}
 */
export function isNearName(a, b) {
  const [left, right] = [[...bare(a)], [...bare(b)]];
  if (!left.length || !right.length) {
    return false;
  }
  const [short, long] = left.length <= right.length ? [left, right] : [right, left];
  if (long.length - short.length > 1) {
    return false;
  }
  let start = 0;
  while (start < short.length && short[start] === long[start]) {
    start += 1;
  }
  const rest = (letters, from) => letters.slice(from).join("");
  return short.length === long.length
    ? rest(short, start + 1) === rest(long, start + 1) || isSwapped(short, long, start)
    : rest(short, start) === rest(long, start + 1);
}

const isSwapped = (a, b, at) =>
  a[at] === b[at + 1] &&
  a[at + 1] === b[at] &&
  a.slice(at + 2).join("") === b.slice(at + 2).join("");

/**
 * @typedef {object} Somebody
 * @property {string} conversation its id, as text
 * @property {import("./mark.js").Mark} mark
 * @property {string} name that the client chose; "" where none is known
 */

/**
 * The first of `others` that could be taken for `one`.
 * @param {Somebody} one @param {Iterable<Somebody>} others @returns {Somebody | undefined}
 */
export function similarTo(one, others) {
  for (const other of others) {
    const isOther = other.conversation !== one.conversation;
    if (isOther && (isNear(one.mark, other.mark) || isNearName(one.name, other.name))) {
      return other;
    }
  }
  return undefined;
}

const GROUP = /[\p{L}\p{N}]/u;

/**
 * Whether a text that was pasted stands in what somebody else wrote or was written.
 * @param {string} pasted @param {Iterable<string>} elsewhere texts of other conversations
 * @returns {boolean} never for what is shorter than 12 characters
 */
export function isFromElsewhere(pasted, elsewhere) {
  const text = pasted.trim();
  if (text.length < 12 || !GROUP.test(text)) {
    return false;
  }
  for (const other of elsewhere) {
    if (other.includes(text)) {
      return true;
    }
  }
  return false;
}
