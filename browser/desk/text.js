// What a counsellor's text becomes before sealing: the same rules as for a client's text
// (triage/text.py), because the client's page shows it as it is.

import { MAX_BODY } from "../envelope/envelope.js";
import { pack, utf8 } from "../envelope/bytes.js";

const LINE_ENDINGS = /\r\n|[\r\u000b\u000c\u0085\u2028\u2029]/g;
// Controls but tab and line feed, direction embeddings, overrides and isolates, deprecated format
// signs, byte-order mark, annotation anchors.
const LEFT_OUT =
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]/g;
const UNPAIRED = /[\ud800-\udfff]/gu;
const UNSEEN = /[\p{Zs}\p{Zl}\p{Zp}\p{Cc}\p{Cf}\u115f\u1160\u2800\u3164\uffa0]/gu;

const LONGEST = 4_000;

/** @param {string} raw @returns {string} */
export const clean = (raw) =>
  raw.replace(LINE_ENDINGS, "\n").replace(LEFT_OUT, "").replace(UNPAIRED, "\ufffd");

/** @param {string} text @returns {boolean} whether there is nothing to see in it */
export const isEmpty = (text) => text.replace(UNSEEN, "") === "";

/**
 * By how many characters a text is too long to be sealed with this name.
 * @param {string} text @param {string} name @returns {number} 0: it fits
 */
export function tooLongBy(text, name) {
  const points = [...text];
  let over = Math.max(0, points.length - LONGEST);
  while (pack(utf8(points.slice(0, points.length - over).join("")), utf8(name)).length > MAX_BODY) {
    over += 1;
  }
  return over;
}
