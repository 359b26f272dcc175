// When the desk asks the keeper again about the messengers of an open conversation. After a restart
// of the keeper an asking is an opening, and a person has a number of those an hour: what anybody can
// bring about by writing in a chat must not use them up, nor keep desk and keeper busy.

const MOVED = ["event.joined", "event.left", "event.safe_hours", "event.safe_hours_off"];
const PAUSES_MS = [10_000, 60_000, 300_000];
const QUIET_MS = 3_600_000;

/** @param {{id: string}[]} events of `eventsOf` @returns {boolean} whether one is about messengers */
export const isAboutMessengers = (events) => events.some(({ id }) => MOVED.includes(id));

/** A growing pause between two askings, whether they were answered or not. */
export function newWaysPace() {
  let askedMs = -Infinity;
  let askings = 0;
  return {
    /** @returns {boolean} whether it may be asked now; where it may, this asking is counted */
    mayAsk(nowMs) {
      const passed = nowMs - askedMs;
      if (passed >= QUIET_MS) {
        askings = 0;
      } else if (passed < PAUSES_MS[Math.min(askings, PAUSES_MS.length) - 1]) {
        return false;
      }
      askedMs = nowMs;
      askings += 1;
      return true;
    },
    /** The member answered here: the next asking need not wait, once. */
    hurry() {
      askedMs = -Infinity;
    },
  };
}
