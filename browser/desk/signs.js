// What marks and urgencies look like: a drawing, always with its word.

import { drawing, el } from "./dom.js";
import { plainMark } from "./mark.js";

const STAR = "M8 .8l2.1 4.9 5.3.4-4 3.5 1.2 5.2L8 12l-4.6 2.8 1.2-5.2-4-3.5 5.3-.4z";
const PATHS = {
  circle: "M8 1a7 7 0 100 14A7 7 0 008 1z",
  square: "M2 2h12v12H2z",
  triangle_up: "M8 1l7.5 14H.5z",
  triangle_down: "M.5 1h15L8 15z",
  diamond: "M8 .3L15.7 8 8 15.7.3 8z",
  hexagon: "M4.2 1.2h7.6L15.6 8l-3.8 6.8H4.2L.4 8z",
  star: STAR,
  cross: "M5.5 1h5v4.5H15v5h-4.5V15h-5v-4.5H1v-5h4.5z",
  half_moon: "M11 1a7 7 0 100 14z",
  drop: "M8 .5c3 4 5 6.5 5 9.3a5 5 0 01-10 0C3 7 5 4.5 8 .5z",
  ring: "M8 1a7 7 0 100 14A7 7 0 008 1zm0 4.2a2.8 2.8 0 110 5.6 2.8 2.8 0 010-5.6z",
  bars: "M1 1.5h14v3H1zM1 6.5h14v3H1zM1 11.5h14v3H1z",
};
const URGENCY_PATHS = [
  "M8 1a7 7 0 100 14A7 7 0 008 1zm0 2a5 5 0 110 10A5 5 0 018 3z",
  PATHS.circle,
  PATHS.diamond,
  PATHS.hexagon,
];

/** @param {import("./mark.js").Mark} mark @param {Function} t @returns {string} read aloud */
export const markLabel = (mark, t) =>
  t("mark.full", { shape: t(`mark.shape_${mark.shape}`), word: mark.word, number: mark.number });

/** @param {import("./mark.js").Mark} mark @param {Function} t @returns {HTMLElement} */
export const markSign = (mark, t) =>
  el(
    "span",
    { class: `mark tone-${mark.tone}` },
    el("span", { class: "visually-hidden" }, `${t(`mark.shape_${mark.shape}`)} `),
    drawing(PATHS[mark.shape], "shape"),
    el("bdi", {}, plainMark(mark)),
  );

/** @param {number} urgency @param {Function} t @returns {string} "2 Strong" */
export const urgencyWord = (urgency, t) =>
  t("urgency.digit_and_word", { digit: urgency, word: t(`urgency.word_${urgency}`) });

/** @param {number} urgency @param {Function} t @returns {HTMLElement} shape, digit and word */
export const urgencySign = (urgency, t) =>
  el(
    "span",
    { class: `urgency urgency-${urgency}` },
    drawing(URGENCY_PATHS[urgency], "shape"),
    urgencyWord(urgency, t),
  );
