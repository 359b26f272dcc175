// Leaving: blank in the same frame, then the neutral page in this page's place. Over-the-shoulder
// protection and nothing more; the page says so.

const PRESSES = 3;
const WITHIN_MS = 5_000;

/**
 * Counts three presses of Shift, left or right, within five seconds. Any other key starts again,
 * and so does Shift held together with another key, which switches keyboards or writing
 * direction, or types capitals.
 * @returns {{down: (key: string, others: boolean, at: number) => void,
 *   up: (key: string, at: number) => boolean}} `up` says whether this was the third
 */
export function newShiftCount() {
  let presses = [];
  let alone = false;
  return {
    down(key, others) {
      alone = key === "Shift" && !others;
      if (!alone) {
        presses = [];
      }
    },
    up(key, at) {
      if (key !== "Shift" || !alone) {
        return false;
      }
      alone = false;
      presses = [...presses.filter((time) => at - time < WITHIN_MS), at];
      return presses.length >= PRESSES;
    },
  };
}

/** Empties every field and the whole document. */
export function blank(root = document) {
  for (const field of root.querySelectorAll("input, textarea")) {
    field.value = "";
  }
  const page = root.documentElement;
  page.replaceChildren();
  page.style.background = "Canvas";
  page.style.colorScheme = "light";
}

/**
 * @param {string} exitUrl @param {() => void} forget drops what this page holds in memory
 */
export function watchLeaving(exitUrl, forget) {
  const leave = () => {
    try {
      forget();
    } finally {
      blank();
      location.replace(exitUrl);
    }
  };
  const isExit = (target) => target instanceof Element && target.closest(`a[rel~="noreferrer"]`);
  addEventListener(
    "click",
    (event) => {
      const link = isExit(event.target);
      if (link && link.href === new URL(exitUrl, location.href).href) {
        event.preventDefault();
        event.stopImmediatePropagation();
        leave();
      }
    },
    { capture: true },
  );
  const count = newShiftCount();
  addEventListener(
    "keydown",
    (event) => {
      if (!event.repeat) {
        count.down(event.key, event.ctrlKey || event.altKey || event.metaKey);
      }
    },
    { capture: true },
  );
  addEventListener(
    "keyup",
    (event) => {
      if (count.up(event.key, event.timeStamp)) {
        leave();
      }
    },
    { capture: true },
  );
  // A page kept by the browser for "Back" must not come back with its text.
  addEventListener("pagehide", forget);
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      blank();
      location.replace("/");
    }
  });
}
