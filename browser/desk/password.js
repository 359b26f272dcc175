// Passwords at the desk: one is offered, six words of the phrase list (66 bits); one's own must be
// long enough. Nothing else is asked of it.

import { randomBytes, readU32 } from "../envelope/bytes.js";

export const OFFERED_WORDS = 6;
export const SHORTEST = 15;

/** @param {string[]} list 2048 words @returns {string} such as "walnut-ferry-stone-…" */
export const offerPassword = (list) =>
  Array.from({ length: OFFERED_WORDS }, () => list[readU32(randomBytes(4)) % list.length]).join(
    "-",
  );

/** @param {string} password @returns {boolean} whether it is long enough, in characters */
export const isLongEnough = (password) => [...password.normalize("NFKC")].length >= SHORTEST;
