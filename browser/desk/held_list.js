// A live list that holds still: while pointer or focus is in it rows keep their places, what is new
// is counted, and what changed is shown where it stands. Two places on top are kept for people in
// danger whom nobody has taken, so that nothing moves when one appears.

export const BAND = 2;
export const STILL_MS = 2_000;

/** @returns the order that is on the screen, and what waits to be shown */
export function newHeldList() {
  /** @type {string[]} ids in the order on the screen */
  let shown = [];
  let inside = false;
  let leftAt = -Infinity;

  return {
    /** Pointer or focus is in the list, or left it. @param {boolean} is @param {number} now ms */
    touched(is, now) {
      if (inside && !is) {
        leftAt = now;
      }
      inside = is;
    },

    /** @param {number} now ms @returns {boolean} whether rows may change places */
    mayMove: (now) => !inside && now - leftAt >= STILL_MS,

    /**
     * Who left the list keeps the place until rows may move.
     * @param {string[]} wanted ids in the order they should stand
     * @param {boolean} move whether rows may change places
     * @returns {{ids: string[], fresh: string[]}} what to show, and what is new and not shown
     */
    arrange(wanted, move) {
      if (move || shown.length === 0) {
        shown = [...wanted];
        return { ids: shown, fresh: [] };
      }
      const there = new Set(shown);
      return { ids: shown, fresh: wanted.filter((id) => !there.has(id)) };
    },
  };
}

/**
 * Which rows of a long list stand in the document.
 * @param {number} top scrolled past, in pixels @param {number} height of what is seen
 * @param {number} row height of a row @param {number} count of rows
 * @returns {{first: number, last: number}} the last is not included
 */
export function windowOf(top, height, row, count) {
  const margin = 10;
  const first = Math.max(0, Math.floor(top / row) - margin);
  const last = Math.min(count, Math.ceil((top + height) / row) + margin);
  return { first: Math.min(first, last), last };
}
