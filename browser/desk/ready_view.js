// What is still to be done before people can write: each line done, or with one button that leads
// to where it is done. The list is an admin's home page.

import { button, el } from "./dom.js";

const SIGNS = { done: "✓", missing: "!", late: "!" };

/** @returns {"done" | "todo" | "late" | "advice"} how a line is shown */
export const kindOf = ({ state, required }) =>
  state === "done" ? "done" : state === "late" ? "late" : required ? "todo" : "advice";

/** @returns {string} what a line says */
const lineText = (t, { name, state, since }) =>
  t(`ready.${name}_${state}`, { date: since ? t.day(since * 1000) : "–" });

/**
 * @param {Function} t @param {object} answer of /api/office/ready
 * @param {(goes: string) => void} onGo
 */
export function readyList(t, { lines, open, mode, reachable }, onGo) {
  const rows = lines.map((line) => {
    const kind = kindOf(line);
    return el(
      "li",
      { class: `ready-${kind}`, "data-line": line.name, "data-state": line.state },
      el("span", { class: "ready-sign", "aria-hidden": "true" }, SIGNS[line.state]),
      el("span", { class: "ready-words" }, el("strong", {}, t(`ready.kind_${kind}`)), " ", lineText(t, line)),
      kind !== "done" && line.goes === "server" && el("p", { class: "hint" }, t(`ready.${line.name}_how`)),
      kind !== "done" &&
        line.goes !== "server" &&
        button(t(`ready.go_${line.goes}`), () => onGo(line.goes)),
    );
  });
  const waits = lines.filter((line) => line.required && line.state !== "done").length;
  const standing =
    mode === "trial"
      ? t(open ? "ready.trial_open" : "ready.trial_closed")
      : t(open ? "ready.open" : "ready.closed", { count: waits });
  return el(
    "div",
    { class: "ready", "data-open": String(open), "data-mode": mode },
    el("p", { class: open ? "notice" : "warning", role: "status" }, standing),
    mode === "trial" &&
      !reachable &&
      el("p", { class: "choices" }, button(t("ready.go_real"), () => onGo("mode"))),
    el("ul", { class: "ready-lines" }, rows),
  );
}

/** @returns {string} what is said on top of the desk while the keys' mirror is too old; else "" */
export function mirrorIsLate(t, { lines }) {
  const mirror = lines.find(({ name, state }) => name === "mirror" && state === "late");
  return mirror ? lineText(t, mirror) : "";
}

/**
 * The list, looked at again when it may have changed.
 * @param {object} session t @param {object} organisation of newOrganisation
 * @param {{onGo: (goes: string) => void, onKnown?: (answer: object) => void}} given
 */
export function newReadyView({ t }, organisation, { onGo, onKnown = () => undefined }) {
  const list = el("div", {}, el("p", { role: "status" }, t("talk.loading")));
  const element = el("section", { class: "ready-part" }, el("h2", {}, t("ready.title")), list);
  let drawn = "";
  return {
    element,
    async look() {
      try {
        const answer = await organisation.ready();
        const told = JSON.stringify(answer);
        if (told !== drawn) {
          drawn = told;
          list.replaceChildren(readyList(t, answer, onGo));
        }
        onKnown(answer);
      } catch {
        drawn = "";
        list.replaceChildren(el("p", { role: "alert" }, t("trouble.not_done")));
      }
    },
  };
}
