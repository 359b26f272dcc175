// By which messengers a client with a phrase is answered too, as the keeper tells it, sealed to who
// proved to be client or counsellor: docs/keeper.md, section 2. Twin of vault/ways.py.

import { readU32 } from "./bytes.js";
import { must } from "./sealing.js";

/**
 * @typedef {object} Way a messenger that belongs to the conversation
 * @property {number} number as the keeper numbers messengers @property {string} channel its name
 * @property {number} begin @property {number} end minutes of the day in which messages come; equal:
 *   at any time
 * @property {number} until seconds
 */

/** @typedef {{isJoined: boolean, each: Way[]}} Ways isJoined: what the courier signs counts */

const NAMES = new Map([
  [2, "signal"],
  [3, "matrix"],
  [4, "deltachat"],
  [255, "loopback"],
]);
const WAY_SIZE = 9;
const SIZE = 1 + 4 * WAY_SIZE;

/** @type {Ways} */
export const NO_WAYS = { isJoined: false, each: [] };

/** @param {Uint8Array} told @returns {Ways} @throws {import("./sealing.js").CannotOpen} */
export function readWays(told) {
  must(told.length === SIZE && told[0] <= 1);
  const each = [];
  for (let at = 1; at < SIZE; at += WAY_SIZE) {
    const number = told[at];
    const channel = NAMES.get(number);
    if (channel && !each.some((one) => one.number === number)) {
      const begin = told[at + 1] * 256 + told[at + 2];
      const end = told[at + 3] * 256 + told[at + 4];
      each.push({ number, channel, begin, end, until: readU32(told, at + 5) * 60 });
    }
  }
  return { isJoined: told[0] === 1, each };
}

const two = (number) => String(number).padStart(2, "0");
const clock = (minute) => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;

/** @param {Way} way @returns {[string, string] | null} from and to, as "18:00"; null: any time */
export const hoursOf = ({ begin, end }) => (begin === end ? null : [clock(begin), clock(end)]);
