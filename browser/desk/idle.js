// When nobody touches the desk: a warning a minute before, then the lock. Times in milliseconds,
// of a clock that never goes back and that counts while the machine sleeps (Date.now is used, and
// a step backwards counts as a touch).

export const WARN_MS = 14 * 60_000;
export const LOCK_MS = 15 * 60_000;

/** @param {number} now */
export function newIdle(now) {
  let touched = now;
  return {
    /** @param {number} at */
    touch(at) {
      touched = at;
    },
    /** @param {number} at @returns {"awake" | "warned" | "locked"} */
    stage(at) {
      if (at < touched) {
        touched = at;
      }
      const idle = at - touched;
      return idle >= LOCK_MS ? "locked" : idle >= WARN_MS ? "warned" : "awake";
    },
  };
}
