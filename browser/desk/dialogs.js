// Sheets over the desk: why a conversation is closed, who takes it over, and what the keys do.

import { button, el, field, newProblem, whileBusy } from "./dom.js";
import { markSign } from "./signs.js";
import { sheet } from "./sheet.js";
import { printedBy, SINGLE } from "./shortcuts.js";
import { clean, tooLongBy } from "./text.js";
import { doingTrouble } from "./troubles.js";

const REASONS = ["answered", "passed_on", "no_reply", "not_for_us"];

/**
 * Asks why; the reason becomes a note for the team, then the conversation is closed.
 * @param {object} session @param {object} talk
 * @param {(reason: string) => Promise<void>} onClose
 */
export function askToClose({ t }, talk, onClose) {
  const problem = newProblem();
  const press = (reason) => async (event) => {
    problem.clear();
    await whileBusy(event.target, t("desk.wait"), async () => {
      try {
        await onClose(t(`close.${reason}`));
        dialog.close();
      } catch (error) {
        problem.tell(t(error.code === "moved_on" ? "close.moved_on" : "trouble.not_done"));
      }
    });
  };
  const title = t.parts("close.ask", { mark: markSign(talk.conversation.mark, t) });
  const dialog = sheet(
    title,
    el("p", {}, t("close.effect_soon")),
    problem.place,
    el(
      "p",
      { class: "choices column" },
      ...REASONS.map((reason) =>
        el("button", { type: "button", onclick: press(reason) }, t(`close.${reason}`)),
      ),
    ),
    button(t("desk.cancel"), () => dialog.close()),
  );
  return dialog;
}

/**
 * Asks for whom, and what they should know; both go together.
 * @param {object} session @param {object} desk @param {object} talk
 * @param {object} given
 * @param {object[]} given.people one of whom gets it
 * @param {string} [given.known] what they should know, as far as it is clear
 * @param {(person: object, text: string) => Promise<void>} given.onHandOver
 */
export function askToHandOver({ t }, desk, talk, { people, known = "", onHandOver }) {
  const problem = newProblem();
  const to = el(
    "select",
    {},
    people.map((one, i) => el("option", { value: String(i) }, one.shownName)),
  );
  const text = el("textarea", { rows: 4, dir: "auto", value: known });
  const go = button(
    t("talk.hand_over"),
    () =>
      whileBusy(go, t("desk.wait"), async () => {
        const over = tooLongBy(text.value, desk.member.name);
        if (over) {
          problem.tell(t("answer.too_long", { count: over }));
          return;
        }
        try {
          await onHandOver(people[Number(to.value)], clean(text.value));
          dialog.close();
        } catch (error) {
          problem.tell(doingTrouble(error, t));
        }
      }),
    "main",
  );
  const title = t.parts("hand.title", { mark: markSign(talk.conversation.mark, t) });
  const dialog = sheet(
    title,
    problem.place,
    field(t("hand.to"), to),
    field(t("hand.should_know"), text),
    el("p", { class: "choices" }, go, button(t("desk.cancel"), () => dialog.close())),
  );
  return dialog;
}

const SHOWN = [
  ["J", "K", "keys.move"],
  ["Enter", "keys.open"],
  ["N", "keys.next"],
  ["C", "keys.claim"],
  ["R", "keys.answer"],
  ["Ctrl+Enter", "keys.send"],
  ["Z", "keys.undo"],
  ["T", "keys.note"],
  ["H", "keys.hand_over"],
  ["U", "keys.urgency"],
  ["E", "keys.close"],
  ["M", "keys.mine"],
  ["Q", "keys.queue"],
  ["/", "keys.filter"],
  ["L", "L", "keys.lock"],
  ["Esc", "keys.leave_field"],
  ["?", "keys.sheet"],
];

/** @param {object} session @param {{isOn: boolean, onSwitch: (on: boolean) => void}} single */
export async function showKeys({ t }, single) {
  const layout = await navigator.keyboard?.getLayoutMap?.().catch(() => undefined);
  const printed = printedBy(layout);
  const shown = (key) => (key.toLowerCase() in SINGLE && /^[A-Z]$/.test(key) ? printed(key) : key);
  const rows = SHOWN.map((entry) => {
    const keys = entry.slice(0, -1).map((key) => el("kbd", {}, shown(key)));
    return el("tr", {}, el("td", {}, keys), el("td", {}, t(entry[entry.length - 1])));
  });
  const box = el("input", {
    type: "checkbox",
    id: "single-keys",
    checked: single.isOn,
    onchange: () => single.onSwitch(box.checked),
  });
  const dialog = sheet(
    t("keys.title"),
    el("table", { class: "keys" }, el("tbody", {}, rows)),
    el("p", { class: "tick" }, box, el("label", { for: box.id }, t("keys.switch"))),
    button(t("keys.shut"), () => dialog.close(), "main"),
  );
  return dialog;
}
