// Reading recovery sheets: one field after the other, each checked at once, until they give a
// secret. Nothing is sent.

import { WORDS } from "../phrase/words.js";
import { button, el, field, newProblem, whileBusy } from "./dom.js";
import { joinShares, NotAShare, NotTheRecovery, readShare, SHARE_WORDS } from "./shares.js";

const TROUBLE = { count: "recovery.count", word: "recovery.word", check: "recovery.check" };

/**
 * @param {Function} t @param {(secret: Uint8Array) => Promise<void>} onRead
 * @returns {HTMLElement}
 */
export function newSheetReader(t, onRead) {
  const problem = newProblem();
  const shares = [];
  const typed = el("textarea", {
    rows: 4,
    dir: "ltr",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    translate: "no",
  });
  const label = el("span", {});
  const go = button(t("desk.continue"), () => whileBusy(go, t("desk.wait"), take), "main");
  const element = el(
    "div",
    { class: "sheets" },
    problem.place,
    field("", typed),
    el("p", { class: "choices" }, go),
  );
  element.querySelector("label").append(label);
  ask();

  function ask() {
    const needed = shares[0]?.needed;
    label.textContent = needed
      ? t("recovery.type_of", { number: shares.length + 1, count: needed })
      : t("recovery.type", { number: shares.length + 1 });
    typed.value = "";
    typed.focus();
  }

  async function take() {
    problem.clear();
    try {
      shares.push(readShare(typed.value, WORDS));
      if (shares.length < shares[0].needed) {
        ask();
        return;
      }
      const secret = await joinShares(shares);
      typed.value = "";
      await onRead(secret);
    } catch (error) {
      if (error instanceof NotTheRecovery) {
        shares.length = 0;
        ask();
        problem.tell(t("recovery.not_together"));
      } else if (error instanceof NotAShare) {
        const values = { number: error.position, count: SHARE_WORDS };
        problem.tell(t(TROUBLE[error.reason], values));
      } else {
        throw error;
      }
    }
  }

  return element;
}
