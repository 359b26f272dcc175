// Coming back: what was typed is read here, slips are told here; nothing is sent before it fits.

import { CannotOpen } from "../envelope/sealing.js";
import { isDigits, NotAPhrase, readPhrase } from "../phrase/phrase.js";
import { Refusal } from "./api.js";
import { byId, hideProblem, newButton, showProblem, whileBusy } from "./screen.js";
import { comeBack } from "./server.js";
import { sentenceFor } from "./troubles.js";

const WORDS = 8;
const DIGITS = 25;

/** What to say about a phrase that cannot be one, and words to choose from. */
export function slipOf(error, t) {
  const { reason, digits, found, position, candidates } = error;
  if (reason === "count") {
    return digits
      ? { text: t("c27.digit_count", { found, count: DIGITS }), choices: [] }
      : { text: t("c27.word_count", { found, count: WORDS }), choices: [] };
  }
  if (reason !== "unknown word") {
    return { text: t(digits ? "c27.check_digit" : "c27.check_word"), choices: [] };
  }
  const id = candidates.length ? "c27.unknown_word_several" : "c27.unknown_word_alone";
  return { text: t(id, { number: position }), choices: candidates.slice(0, 4), position };
}

/** The typed text with its n-th word replaced. */
export function replaceWord(text, position, word) {
  let seen = 0;
  return text.replace(/[\p{L}\p{M}]+/gu, (typed) => {
    seen += 1;
    return seen === position ? word : typed;
  });
}

export function watchComingBack(page) {
  const field = byId("phrase-text");

  function tellSlip(error) {
    const { text, choices, position } = slipOf(error, page.t);
    showProblem("back-problem", text);
    for (const word of choices) {
      byId("back-problem").append(
        newButton(word, () => {
          field.value = replaceWord(field.value, position, word);
          hideProblem("back-problem");
          field.focus();
        }),
      );
    }
  }

  /** Wrong, unknown and expired are one answer; text typed beside it is kept. */
  function opensNothing() {
    showProblem("back-problem", page.t("c28.opens_nothing"));
    byId("open").textContent = page.t("c28.try_again");
    byId("new").hidden = !page.takesNew;
  }

  async function open() {
    hideProblem("back-problem");
    let phrase;
    try {
      phrase = readPhrase(field.value, isDigits(field.value) ? [] : await page.words());
    } catch (error) {
      if (error instanceof NotAPhrase) {
        return tellSlip(error);
      }
      return showProblem("back-problem", page.t("c44.no_connection"));
    }
    try {
      const opened = await comeBack(phrase);
      const kept = byId("kept").value;
      clearBack();
      await page.resume(opened, kept);
    } catch (error) {
      const nothing =
        error instanceof CannotOpen || (error instanceof Refusal && error.code === "refused");
      if (nothing) {
        opensNothing();
      } else {
        showProblem("back-problem", sentenceFor(error, page));
      }
    }
  }

  function submit(button) {
    if (button?.id === "new") {
      const kept = byId("kept").value;
      clearBack();
      byId("text").value = kept || byId("text").value;
      byId("write").open = true;
      return undefined;
    }
    return whileBusy(byId("open"), page.t("c26.opening"), open);
  }

  function clearBack() {
    field.value = "";
    byId("kept").value = "";
    byId("kept-block").hidden = true;
    byId("new").hidden = true;
    byId("open").textContent = page.t("c26.open");
    byId("back").open = false;
    hideProblem("back-problem");
  }

  return {
    forget: clearBack,
    /** @param {HTMLElement | null} button that sent the form */
    submit,
    /** Text that was being written while the conversation could no longer be opened. */
    keep(text) {
      byId("kept").value = text;
      byId("kept-block").hidden = !text;
      byId("back").open = true;
      opensNothing();
    },
  };
}
