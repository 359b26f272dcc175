// What this browser keeps between visits: colours, whether single keys work, the team's fingerprint
// and the last entry of its roster. All of it is public or a matter of taste; a browser that keeps nothing works too.

const NAMES = ["colours", "keys", "fingerprint", "head"];

/** @param {{localStorage: Storage}} window @returns a few named values, text or null */
export function newKept(window) {
  const memory = new Map();

  function storage() {
    try {
      return window.localStorage;
    } catch {
      return null; // switched off by the person
    }
  }

  /** @param {string} name */
  function known(name) {
    if (!NAMES.includes(name)) {
      throw new RangeError("this is not kept");
    }
    return `desk-${name}`;
  }

  return {
    /** @param {string} name @returns {string | null} */
    get(name) {
      const key = known(name);
      return memory.get(key) ?? storage()?.getItem(key) ?? null;
    },
    /** @param {string} name @param {string} value */
    set(name, value) {
      const key = known(name);
      memory.set(key, value);
      try {
        storage()?.setItem(key, value);
      } catch {
        // full or switched off: it lasts as long as this page
      }
    },
  };
}
