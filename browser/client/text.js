// What a client's text becomes before sealing. Twin of triage/text.py; the rules stand there.

const LINE_ENDINGS = /\r\n|[\r\u000b\u000c\u0085\u2028\u2029]/g;
// Controls but tab and line feed, direction embeddings, overrides and isolates, deprecated format
// signs, byte-order mark, annotation anchors.
const LEFT_OUT =
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]/g;
const UNPAIRED = /[\ud800-\udfff]/gu;
const UNSEEN = /[\p{Zs}\p{Zl}\p{Zp}\p{Cc}\p{Cf}\u115f\u1160\u2800\u3164\uffa0]/gu;

/** @param {string} raw @returns {{text: string, leftOut: number}} */
export function clean(raw) {
  const unified = raw.replace(LINE_ENDINGS, "\n");
  const leftOut = unified.match(LEFT_OUT)?.length ?? 0;
  return { text: unified.replace(LEFT_OUT, "").replace(UNPAIRED, "\ufffd"), leftOut };
}

/** @param {string} text @returns {boolean} whether there is nothing to see in it */
export const isEmpty = (text) => text.replace(UNSEEN, "") === "";

/** @param {string} raw @param {number} longest @returns {string} one line, or "" */
export function cleanName(raw, longest) {
  const line = clean(raw).text.replace(/[\n\t]/g, " ").trim();
  return isEmpty(line) ? "" : [...line].slice(0, longest).join("").trim();
}

const byteLength = (text) => new TextEncoder().encode(text).length;

/**
 * By how many characters a text is too long.
 * @param {string} text @param {{characters: number, bytes: number}} longest @returns {number}
 */
export function tooLongBy(text, longest) {
  return Math.max(0, [...text].length - longest.characters, countOver(text, longest.bytes));
}

/** How many characters must go from the end so that the rest fits into `bytes`. */
function countOver(text, bytes) {
  let size = byteLength(text);
  if (size <= bytes) {
    return 0;
  }
  const characters = [...text];
  let over = 0;
  while (size > bytes) {
    over += 1;
    size -= byteLength(characters[characters.length - over]);
  }
  return over;
}

/**
 * The first part that fits and the rest, cut where a line or word ends if there is such a place
 * in the last fifth.
 * @param {string} text @param {{characters: number, bytes: number}} longest
 * @returns {[string, string]}
 */
export function splitText(text, longest) {
  const characters = [...text];
  const fits = characters.length - tooLongBy(text, longest);
  const head = characters.slice(0, fits).join("");
  const near = Math.floor(head.length * 0.8);
  const cut = [head.lastIndexOf("\n"), head.lastIndexOf(" ")].find((at) => at >= near);
  const end = fits === characters.length || cut === undefined ? head.length : cut + 1;
  return [text.slice(0, end), text.slice(end)];
}
