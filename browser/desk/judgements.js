// What counsellors decided about findings, as it stands sealed in the conversation
// (docs/envelope.md, direction 7). The last word about a finding holds.

const SAID = ["agreed", "dismissed", "added"];
const LONGEST = 80;

/**
 * @typedef {object} Judgement
 * @property {string} of id of the client's message, base64url
 * @property {string} rule "" for a sign that a counsellor added
 * @property {string} category
 * @property {number} start @property {number} end code points; both 0: no words
 * @property {"agreed" | "dismissed" | "added"} said
 */

/** @typedef {Judgement & {name: string}} Judged with the name of who said it */

/** @param {Judgement} judgement @returns {string} which finding of the conversation it is about */
export const keyOf = ({ of, rule, category, start, end }) =>
  JSON.stringify([of, rule, category, start, end]);

/** @param {Judgement} judgement @returns {string} its sealed form */
export const writeJudgement = ({ of, rule, category, start, end, said }) =>
  JSON.stringify({ category, end, of, rule, said, start, v: 1 });

/** @param {string} json @returns {Judgement | null} null: not a judgement that this page reads */
export function readJudgement(json) {
  try {
    const { v, of, rule, category, start, end, said } = JSON.parse(json);
    const isWhole =
      v === 1 &&
      [of, rule, category].every((one) => typeof one === "string" && one.length <= LONGEST) &&
      [start, end].every((one) => Number.isSafeInteger(one) && one >= 0) &&
      (start < end || (rule === "" && start === 0 && end === 0)) &&
      SAID.includes(said) &&
      (said !== "added" || rule === "");
    return isWhole ? { of, rule, category, start, end, said } : null;
  } catch {
    return null;
  }
}

/** What was said in one conversation. */
export function newJudgements() {
  /** @type {Map<string, Judged>} in the order of what was said first */
  const last = new Map();
  return {
    /** @param {Judgement} judgement verified @param {string} name */
    take: (judgement, name) => {
      last.set(keyOf(judgement), { ...judgement, name });
    },
    /** @param {Judgement} about @returns {Judged | undefined} the last word about a finding */
    of: (about) => last.get(keyOf(about)),
    /** @param {string} message its id @returns {Judged[]} signs that counsellors added to it */
    addedTo: (message) => [...last.values()].filter((one) => one.of === message && !one.rule),
    forget: () => last.clear(),
  };
}
