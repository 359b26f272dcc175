// What an admin sees of the rules of screening: those that counsellors mostly dismiss, signs they
// added, languages in which little is found. Numbers are withheld where they are small.

import { el } from "./dom.js";

/** @param {object} session t, api */
export function newRulesView({ t, api }) {
  const body = el("div", { class: "rules-report" });
  const element = el("section", {}, el("h2", {}, t("learning.title")), body);

  const OTHER = "other"; // languages with few conversations, counted together by category
  const language = (code) => (code === OTHER ? t("learning.other_languages") : t.language(code));
  const number = (count) => (count === null ? t("learning.few") : String(count));

  function table(caption, heads, rows) {
    if (rows.length === 0) {
      return [el("h3", {}, caption), el("p", { class: "meta" }, t("learning.nothing"))];
    }
    return el(
      "div",
      { class: "scrolled" },
      el(
        "table",
        {},
        el("caption", {}, caption),
        el("thead", {}, el("tr", {}, heads.map((one) => el("th", { scope: "col" }, one)))),
        el("tbody", {}, rows.map((row) => el("tr", {}, row.map((one) => el("td", {}, one))))),
      ),
    );
  }

  function draw({ months, rules, added, languages }) {
    body.replaceChildren(
      el("p", {}, t("learning.what", { months })),
      ...[
        table(
          t("learning.dismissed_rules"),
          [t("learning.rule"), t("learning.language"), t("learning.dismissed"), t("learning.agreed")],
          rules
            .filter((one) => one.mostly_dismissed)
            .map((one) => [
              el("bdi", {}, one.language === OTHER ? t.sign(one.rule) : one.rule),
              language(one.language),
              number(one.dismissed),
              number(one.agreed),
            ]),
        ),
        table(
          t("learning.added_signs"),
          [t("learning.sign"), t("learning.language"), t("learning.times")],
          added.map((one) => [t.sign(one.category), language(one.language), number(one.count)]),
        ),
        table(
          t("learning.few_findings"),
          [t("learning.language"), t("learning.conversations"), t("learning.decided")],
          languages
            .filter((one) => one.few_findings)
            .map((one) => [
              language(one.language),
              number(one.conversations),
              number(one.decided),
            ]),
        ),
      ].flat(),
    );
  }

  async function look() {
    try {
      draw(await api.post("/api/indicators/report", {}));
    } catch {
      body.replaceChildren(el("p", {}, t("trouble.not_done")));
    }
  }

  return { element, look };
}
