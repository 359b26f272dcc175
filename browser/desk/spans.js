// The words of a message that a finding points to.
//
// Findings count Unicode code points of the text as it was sealed; JavaScript counts UTF-16 units,
// so the text is cut as an array of code points. Spans may overlap; a piece then carries the
// numbers of all of them.

/**
 * @typedef {object} Span
 * @property {number} start first code point @property {number} end behind the last
 */

/** @typedef {{text: string, numbers: number[]}} Piece numbers of spans, from 1 */

/**
 * @param {string} text @param {Span[]} spans @returns {Piece[]} the whole text, in order
 */
export function piecesOf(text, spans) {
  const points = Array.from(text);
  const inside = spans.map(({ start, end }) => ({
    start: Math.min(start, points.length),
    end: Math.min(end, points.length),
  }));
  const edges = new Set([0, points.length]);
  for (const { start, end } of inside) {
    edges.add(start).add(end);
  }
  const cuts = [...edges].sort((a, b) => a - b);
  return cuts
    .slice(0, -1)
    .map((from, i) => ({
      text: points.slice(from, cuts[i + 1]).join(""),
      numbers: inside.flatMap(({ start, end }, n) => (start <= from && from < end ? [n + 1] : [])),
    }))
    .filter((piece) => piece.text);
}

/** @param {string} text @param {Span} span @returns {string} the words it points to */
export const quoteOf = (text, { start, end }) => Array.from(text).slice(start, end).join("");

/**
 * Where words stand in the newest of some texts that has them, in code points; no words: nowhere
 * in the newest text.
 * @param {string} words @param {string[]} texts the newest last
 * @returns {{text: number, start: number, end: number} | null}
 */
export function placeOf(words, texts) {
  const text = texts.findLastIndex((one) => one.includes(words));
  if (text < 0) {
    return null;
  }
  const before = texts[text].slice(0, texts[text].indexOf(words));
  const start = Array.from(before).length;
  return { text, start, end: start + Array.from(words).length };
}
