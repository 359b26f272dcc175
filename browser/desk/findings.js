// What screening says about one message: version 1 of the JSON that triage/screening/findings.py
// writes, read again.

const STRENGTHS = ["strong", "medium", "weak"];
const MOST = 64;

/**
 * @typedef {object} Finding
 * @property {string} category @property {number} start @property {number} end in code points
 * @property {string} rule @property {string} explanation
 * @property {string} instrument @property {string} item
 * @property {"strong" | "medium" | "weak"} strength
 */

/**
 * @typedef {object} Screening
 * @property {boolean} screened @property {number} urgency @property {string} why a code
 * @property {string} reason the same in English
 * @property {string[]} flags minor, past, third_party
 * @property {string} version of engine and rules
 * @property {Finding[]} findings
 * @property {Finding[]} set_aside found, and taken for something else: not counted, and shown
 * @property {{route: string, start: number, end: number}[]} routes
 * @property {{flag: string, start: number, end: number}[]} flag_words what the flags rest on
 */

const isText = (value) => typeof value === "string";
const isSpan = ({ start, end }) =>
  Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start < end;
const isList = (value, each) => Array.isArray(value) && value.length <= MOST && value.every(each);

const isFinding = (one) =>
  isSpan(one) &&
  [one.category, one.rule, one.explanation, one.instrument, one.item].every(isText) &&
  STRENGTHS.includes(one.strength);

/** @param {string} json @returns {Screening | null} null: not findings that this page reads */
export function readScreening(json) {
  try {
    const read = JSON.parse(json);
    const isWhole =
      read.v === 1 &&
      typeof read.screened === "boolean" &&
      [0, 1, 2, 3].includes(read.urgency) &&
      [read.why, read.reason, read.version].every(isText) &&
      isList(read.flags, isText) &&
      isList(read.findings, isFinding) &&
      isList(read.set_aside ?? [], isFinding) &&
      isList(read.routes, (one) => isSpan(one) && isText(one.route)) &&
      isList(read.flag_words ?? [], (one) => isSpan(one) && isText(one.flag));
    const { set_aside = [], flag_words = [] } = read;
    return isWhole ? { ...read, set_aside, flag_words } : null;
  } catch {
    return null;
  }
}

/** @param {string} instrument such as "ILO11" @param {string} item such as "7 …" */
export const sourceOf = ({ instrument, item }) => {
  const name = { ILO11: "ILO 11", DELPHI: "ILO Delphi", PROJECT: "" }[instrument] ?? instrument;
  return [name, item].filter(Boolean).join(", ");
};
