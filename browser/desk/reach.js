// By which messenger a client can be answered, and until when. A messenger address is kept for a
// shorter time than its conversation; who holds one too few writes nothing for nobody.

/** @typedef {{channel: string, until: number | null}} Reach until in seconds, null: not known */

/**
 * @param {{channel: string}} row
 * @param {Reach[] | undefined} reaches as the desk tells them, the one last written from first
 * @param {number} due seconds: when the conversation goes, and every address with it
 * @returns {Reach | null | undefined} the way that is left; null: none; undefined: none is needed
 */
export function wayTo(row, reaches, due) {
  if (row.channel === "web" || !reaches) {
    return undefined;
  }
  const [first] = reaches;
  return first ? { channel: first.channel, until: Math.min(first.until ?? due, due) } : null;
}

/** Whether an answer may be written for this way. @param {number} now seconds */
export const isOpen = (way, now) => way === undefined || (way !== null && now < way.until);

/** In its last day a counsellor says so in the answer. @param {number} now seconds */
export const endsSoon = (way, now) => Boolean(way) && way.until - now < 86_400;
