// Which key does what. Single keys work only where the list or the conversation has the focus,
// never in a field and never with another key held; they can be switched off. They are matched by
// letter on Latin layouts and by place on others (Cyrillic, Arabic, Greek, …).

/** What each single key does, by the letter printed on a US keyboard. */
export const SINGLE = {
  j: "down",
  k: "up",
  n: "next",
  c: "claim",
  r: "answer",
  z: "undo",
  t: "note",
  h: "hand_over",
  u: "urgency",
  e: "close",
  m: "mine",
  q: "queue",
  l: "lock",
  "/": "filter",
  "?": "sheet",
};
const NAMED = {
  ArrowDown: "down",
  ArrowUp: "up",
  Enter: "open",
  PageDown: "page_down",
  PageUp: "page_up",
  Home: "first",
  End: "last",
};
const LOCK_MS = 600;

const isLatin = (key) => /^[\p{Script=Latin}\p{P}\p{S}]$/u.test(key);

/** @param {{key: string, code: string}} event @returns {string} the letter it stands for */
function letterOf({ key, code }) {
  if (isLatin(key)) {
    return key.toLowerCase();
  }
  return /^Key([A-Z])$/.exec(code)?.[1].toLowerCase() ?? "";
}

/**
 * @param {object} event as the browser's: key, code, ctrlKey, altKey, metaKey, isComposing
 * @param {object} where
 * @param {boolean} where.field focus is in a field
 * @param {boolean} where.composer that field is the answer
 * @param {boolean} where.held what stands in it is held and cannot be changed
 * @param {boolean} where.list focus is in a list or conversation
 * @param {boolean} where.single single keys are switched on
 * @returns {string | null} what to do; null: nothing of ours
 */
export function actionOf(event, { field, composer, held, list, single }) {
  if (event.isComposing) {
    return null;
  }
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && event.key === "Enter") {
    return composer ? "send" : null;
  }
  if (event.key === "Escape") {
    return field ? "leave_field" : "escape";
  }
  if (isCommand || event.altKey) {
    return null;
  }
  if (composer && held) {
    return letterOf(event) === "z" ? "undo" : null;
  }
  if (field || !list) {
    return null;
  }
  if (Object.hasOwn(NAMED, event.key)) {
    return NAMED[event.key];
  }
  return single ? (SINGLE[letterOf(event)] ?? null) : null;
}

/**
 * The key that locks must come twice, so that a slip locks nothing.
 * @returns {(now: number) => boolean} milliseconds; whether this one locks
 */
export function newDoublePress() {
  let before = -Infinity;
  return (now) => {
    const isSecond = now - before <= LOCK_MS;
    before = isSecond ? -Infinity : now;
    return isSecond;
  };
}

/**
 * The letters to show on the sheet, as this keyboard prints them where the browser tells.
 * @param {Map<string, string> | undefined} layout of navigator.keyboard
 * @returns {(letter: string) => string}
 */
export const printedBy = (layout) => (letter) => {
  const printed = layout?.get(`Key${letter.toUpperCase()}`);
  return (printed && !isLatin(printed) ? printed : letter).toUpperCase();
};
