// What the organisation's counsellors do where a client may be under 18: its own words, for all or
// by country. The desk does not know a client's country, so it shows those there are.

import { el } from "./dom.js";

/** @param {object} session t, api */
export function newStepsView({ t, api }) {
  let asked = null;

  /** Asked for once, when it is first needed. */
  const steps = () => {
    asked ??= api.post("/api/safeguarding", {}).catch(() => {
      asked = null;
      return null;
    });
    return asked;
  };

  function shown(answer) {
    if (!answer) {
      return [el("p", { class: "meta" }, t("steps.not_read"))];
    }
    const { text, countries } = answer;
    if (!text && countries.length === 0) {
      return [el("p", { class: "meta" }, t("steps.none"))];
    }
    return [
      text && [el("p", {}, t("steps.all")), el("p", { class: "said", dir: "auto" }, text)],
      ...countries.map((one) =>
        el(
          "details",
          {},
          el("summary", {}, t("steps.country", { country: t.country(one.country) })),
          el("p", { class: "said", dir: "auto" }, one.text),
        ),
      ),
    ];
  }

  return {
    /** @returns {HTMLElement} filled as soon as they are known */
    element() {
      const place = el("div", { class: "steps" });
      steps().then((answer) => place.append(...shown(answer).flat().filter(Boolean)));
      return place;
    },
  };
}
