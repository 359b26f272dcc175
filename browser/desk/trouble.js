// Whether the connection stands, and since when it does not.

/** @returns a small record with listeners */
export function newTrouble() {
  let since = null;
  const listeners = new Set();
  const tell = () => listeners.forEach((listener) => listener(since));

  return {
    /** @returns {number | null} milliseconds since 1970; null: the connection stands */
    since: () => since,
    /** @param {number} now */
    begin(now) {
      if (since === null) {
        since = now;
        tell();
      }
    },
    /** @returns {boolean} whether there had been trouble */
    end() {
      const was = since !== null;
      since = null;
      if (was) {
        tell();
      }
      return was;
    },
    /** @param {(since: number | null) => void} listener @returns {() => void} stops it */
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
