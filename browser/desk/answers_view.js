// Answers to optional questions, as a counsellor reads them: in the desk's own words, whichever
// language they were asked in. Only the newest stand; those before were changed or taken back.

import { el } from "./dom.js";

/** @param {object} line of a thread @param {Function} t @returns {HTMLElement} */
export function answersView(line, t) {
  if (line.replaced) {
    return el("p", { class: "meta" }, t("guided.replaced"));
  }
  if (!line.answers) {
    return el("p", { class: "warning" }, t("guided.unreadable"));
  }
  if (!line.answers.size) {
    return el("p", { class: "meta" }, t("guided.taken_back"));
  }
  const language = line.language && t("guided.asked_in", { language: t.language(line.language) });
  return el(
    "div",
    { class: "said answers" },
    el("p", {}, [t("guided.title"), language].filter(Boolean).join(" · ")),
    el(
      "ul",
      {},
      [...line.answers].map(([question, answer]) => el("li", {}, answerLine(question, answer, t))),
    ),
    el("p", { class: "meta" }, t("guided.note")),
  );
}

const answerLine = (question, answer, t) => `${t.asked(question)}: ${t(`guided.say_${answer}`)}`;

/** @param {string} quote of a finding, "papers=yes" @param {Function} t @returns {string} */
export function answerQuote(quote, t) {
  const [question, answer] = quote.split("=");
  return answerLine(question, answer, t);
}
