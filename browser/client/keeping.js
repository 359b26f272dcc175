// The return phrase on the screen: words or digits, and a rehearsal if the person wants one.

import { equal } from "../envelope/bytes.js";
import { digitsOf, isDigits, readPhrase, wordsOf } from "../phrase/phrase.js";
import { byId, showNotice, showState } from "./screen.js";

export function watchKeeping(page) {
  const { t } = page;
  let phrase = null;
  let after = null;

  async function fill() {
    byId("phrase-digits").textContent = digitsOf(phrase).join(" ");
    const shown = phrase;
    try {
      const words = wordsOf(phrase, await page.words());
      if (shown === phrase) {
        byId("phrase-words").replaceChildren(...words.map(item));
      }
    } catch {
      byId("digits").open = true;
      showNotice("phrase-notice", t("c23.words_not_here"));
    }
  }

  function item(word) {
    const line = document.createElement("li");
    line.textContent = word;
    return line;
  }

  byId("kept-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const go = after;
    forget();
    go?.();
  });
  byId("check-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = byId("check-text").value;
    let same = false;
    try {
      same = equal(readPhrase(typed, isDigits(typed) ? [] : await page.words()), phrase);
    } catch {
      same = false; // whatever it is, it is not yet the phrase
    }
    showNotice("check-answer", t(same ? "c23.check_right" : "c23.check_wrong"));
    if (!same) {
      byId("phrase-title").scrollIntoView();
    }
  });

  function forget() {
    phrase = null;
    after = null;
    byId("phrase-words").replaceChildren();
    byId("phrase-digits").textContent = "";
    byId("check-text").value = "";
    byId("check-answer").textContent = "";
    showNotice("phrase-notice", "");
    for (const id of ["digits", "check", "keep-safely"]) {
      byId(id).open = false;
    }
  }

  return {
    /**
     * @param {Uint8Array} shown @param {string} notice
     * @param {boolean} danger whether it was ticked @param {() => void} next
     */
    start(shown, notice, danger, next) {
      forget();
      phrase = shown;
      after = next;
      showNotice("phrase-notice", notice);
      const unreached = document.getElementById("phrase-danger");
      if (unreached) {
        unreached.hidden = !danger;
      }
      showState("phrase", byId("phrase-title"));
      fill();
    },
    forget,
  };
}
