// By which messenger a client can be answered, and until when. A messenger address is kept for a
// shorter time than its conversation; who holds one too few writes nothing for nobody.
//
// Who wrote on the page reads every answer there. Where the keeper says that a messenger joined,
// answers go there too: no row alone has an answer of the page given to the courier, nor calls a
// conversation a page's that nobody could read there.

import { NO_WAYS } from "../envelope/ways.js";

/**
 * @typedef {{channel: string, until: number | null, isAlso?: boolean}} Reach until in seconds,
 *   null: not known; isAlso: besides the page
 */

/**
 * @param {{isPage: boolean}} conversation whether wrap and keeper name a page; no row decides it
 * @param {Reach[] | undefined} reaches as the desk tells them, the one last written from first
 * @param {number} due seconds: when the conversation goes, and every address with it
 * @param {import("../envelope/ways.js").Ways} [ways] the keeper's word
 * @returns {Reach | null | undefined} the way that is left; null: none; undefined: none is needed
 */
export function wayTo({ isPage }, reaches, due, ways = NO_WAYS) {
  if (!reaches) {
    return undefined;
  }
  if (isPage) {
    const known = reaches.find((one) => ways.each.some(({ channel }) => channel === one.channel));
    const until = Math.min(known?.until ?? due, due);
    return known && { channel: known.channel, until, isAlso: true };
  }
  const [first] = reaches;
  return first ? { channel: first.channel, until: Math.min(first.until ?? due, due) } : null;
}

/** Whether an answer may be written for this way. @param {number} now seconds */
export const isOpen = (way, now) =>
  way === undefined || (way !== null && (Boolean(way.isAlso) || now < way.until));

/** The messenger that an answer goes to now; undefined: none, or as the row says. */
export const goesBy = (way, now) => (way && now < way.until ? way.channel : undefined);

/** In its last day a counsellor says so in the answer. @param {number} now seconds */
export const endsSoon = (way, now) => Boolean(way) && way.until > now && way.until - now < 86_400;
