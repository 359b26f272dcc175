// "Write to yourself", in steps: what has happened says which step is next.

export const STEPS = ["write", "take", "answer", "read", "erase", "done"];

/**
 * @typedef {object} Happened
 * @property {boolean} arrived a new conversation came since the story began
 * @property {boolean} taken the one with the word in it is open here and held here
 * @property {boolean} answered @property {boolean} copied a copy was kept, and opened
 * @property {boolean} read the person says that they have read the answer
 * @property {boolean} locked the copy does not open any more
 */

/** @param {Happened} happened @returns {string} one of STEPS */
export function stepOf({ arrived, taken, answered, copied, read, locked }) {
  if (locked) {
    return "done";
  }
  if (answered && copied) {
    return read ? "erase" : "read";
  }
  if (taken) {
    return "answer";
  }
  return arrived ? "take" : "write";
}
