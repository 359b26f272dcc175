// What was decided about rules, on its way into the counters: apart from its conversation, some
// time later, in no order (docs/decisions/0015 and 0025). What does not arrive is not counted;
// nothing is counted twice. It belongs to the page and not to who works at it: what still waits
// when the desk is left goes with a later hand-in from this page, or is lost with it.

const SOONEST_MS = 10 * 60_000;
const SPREAD_MS = 30 * 60_000;
const MOST = 64;

/** @typedef {{rule: string, language: string, verdict: string}} Decision */

/** @param {object} api @param {() => number} now ms @param {() => number} [random] from 0 to 1 */
export function newDecisions(api, now, random = Math.random) {
  /** @type {Map<string | symbol, {decision: Decision, takenMs: number}>} */
  const waiting = new Map();
  let dueMs = 0;

  const setDue = () => {
    dueMs = now() + SOONEST_MS + random() * SPREAD_MS;
  };

  /** Hands in what has waited long enough. */
  function handIn() {
    const old = [...waiting].filter(([, { takenMs }]) => now() - takenMs >= SOONEST_MS);
    const all = old
      .map(([, { decision }]) => ({ decision, place: random() }))
      .sort((a, b) => a.place - b.place)
      .map(({ decision }) => decision);
    old.forEach(([about]) => waiting.delete(about));
    setDue();
    const parts = [];
    for (let from = 0; from < all.length; from += MOST) {
      const decisions = all.slice(from, from + MOST);
      parts.push(api.post("/api/indicators/count", { decisions }).catch(() => undefined));
    }
    return Promise.all(parts);
  }

  return {
    /**
     * @param {string} about a finding of a conversation; does not leave this page
     * @param {Decision | null} decision null: nothing to count any more
     * @param {boolean} isFirst nobody had said anything about it before
     */
    take(about, decision, isFirst) {
      if (!isFirst && !waiting.has(about)) {
        return;
      }
      if (waiting.size === 0) {
        setDue();
      }
      if (decision) {
        waiting.set(about, { decision, takenMs: now() });
      } else {
        waiting.delete(about);
      }
    },

    tick() {
      if (waiting.size && now() >= dueMs) {
        handIn();
      }
    },

    /** The desk is left: which conversations they were about is forgotten; they wait on. */
    letGo() {
      const all = [...waiting.values()];
      waiting.clear();
      all.forEach((one) => waiting.set(Symbol("let go"), one));
    },
  };
}
