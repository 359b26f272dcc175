// The narrow pages for one thing each: set-up, sign-in, lock.

import { el } from "./dom.js";

/** What makes a new set-up link on the server. */
export const SETUP_COMMAND = "havenline staff setup-link";

/** @param {...Node} children @returns {HTMLElement} a narrow page for one thing */
export const card = (...children) => el("div", { class: "card" }, ...children);

/** @param {string[]} words @returns {HTMLElement} numbered, so that they can be read aloud */
export const wordList = (words) =>
  el(
    "ol",
    { class: "words", dir: "ltr", translate: "no" },
    ...words.map((word) => el("li", {}, word)),
  );
