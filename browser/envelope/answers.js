// Answers to optional questions as they are written down: docs/envelope.md, section 13. Twin of
// triage/guided.py, which has the rules.

const LONGEST = 180;
const MOST = 6;
const PART = /^([a-z]{1,16})=(yes|partly|no)$/;

/** The first question; whoever cannot write safely is asked nothing more. */
export const SAFE = "safe";

/** @param {Map<string, string>} answers in the order of asking @returns {string} */
export const answersText = (answers) => ["1", ...[...answers].map((one) => one.join("="))].join(" ");

/** @param {string} text @returns {Map<string, string> | null} null: not answers that this reads */
export function readAnswers(text) {
  const [version, ...parts] = text.split(" ");
  const found = parts.map((part) => PART.exec(part)).filter(Boolean);
  const answers = new Map(found.map(([, question, answer]) => [question, answer]));
  const fits = parts.length <= MOST && answers.size === parts.length && text.length <= LONGEST;
  return version === "1" && fits ? answers : null;
}
