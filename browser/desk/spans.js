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
