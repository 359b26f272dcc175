// Going on here with a chat's conversation: the number from the chat, a new phrase, and the number
// that the chat must repeat (docs/decisions/0036). The phrase stays in this page's memory and is
// shown once; until the team has let it in, it opens nothing.

import { pack, toBase64Url, utf8 } from "../envelope/bytes.js";
import { proposalHash } from "../envelope/proposal.js";
import { KEEPER_REQUEST, seal } from "../envelope/sealing.js";
import { pageNumber, phraseKeys } from "../phrase/keys.js";
import { digitsOf, newPhrase, wordsOf } from "../phrase/phrase.js";
import { NoAnswer, post, Refusal } from "./api.js";
import { byId, hideProblem, newWords, showProblem, showState, whileBusy } from "./screen.js";

const DIGITS = 10;

/** @param {string} typed @returns {string} ten digits of any script; "" for anything else */
export function readCode(typed) {
  const signs = [...typed.normalize("NFKC")].filter((sign) => !/[\s-]/.test(sign));
  const read = signs.map(digitOf).join("");
  return signs.length === DIGITS && read.length === DIGITS ? read : "";
}

/** A decimal digit of any script; the digits of each stand in a row, zero first. */
function digitOf(sign) {
  const point = sign.codePointAt(0);
  let zero = point;
  while (point - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) {
    zero -= 1;
  }
  return /\p{Nd}/u.test(sign) ? String((point - zero) % 10) : "";
}

async function stringsFor(language) {
  try {
    const response = await fetch(`/static/ways-${language}.json`, {
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
    });
    return (await response.json()).strings;
  } catch {
    throw new NoAnswer();
  }
}

function make(tag, text, more = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  return Object.assign(element, more);
}

/** Digits stay left to right in every script. */
function digitsLine(text, id) {
  const line = make("p", "", { className: "digits" });
  line.append(make("bdi", text, { dir: "ltr", id }));
  return line;
}

export function watchAsking(page) {
  /** The phrase that is proposed, kept while it is not known whether it arrived. */
  let phrase = null;
  let shown = null;

  async function ask() {
    hideProblem("ask-problem");
    let t;
    try {
      t = newWords(await stringsFor(page.language));
      const code = readCode(byId("chat-code").value);
      if (!code) {
        return showProblem("ask-problem", t("j12.code_wrong"));
      }
      phrase ??= newPhrase();
      const keys = await phraseKeys(phrase);
      const proposal = {
        lookupTag: keys.lookupTag,
        verifyKey: keys.sign.public,
        boxKey: keys.box.public,
      };
      const { start } = await page.way.renew(); // a code is of the keeper that runs now
      const { lookupTag, verifyKey, boxKey } = proposal;
      const body = pack(utf8(code), lookupTag, verifyKey, boxKey);
      await post("/api/propose", { request: toBase64Url(seal(KEEPER_REQUEST, start, body)) });
      await show(t, await pageNumber(code, proposalHash(proposal)));
    } catch (error) {
      const isWrong = error instanceof Refusal && error.code === "refused";
      const text = t ? t(isWrong ? "j12.code_wrong" : "j12.not_now") : page.t("c44.no_connection");
      showProblem("ask-problem", text);
    }
  }

  async function show(t, number) {
    const words = await page.words().then(
      (list) => wordsOf(phrase, list),
      () => [],
    );
    const title = make("h1", t("j13.two_steps"), { tabIndex: -1 });
    const list = make("ol", "", { className: "words", id: "asked-words", lang: "en", dir: "ltr" });
    list.append(...words.map((word) => make("li", word)));
    const done = make("button", t("j13.step_done"), {
      type: "button",
      className: "button main",
      onclick: () => {
        forget();
        page.toStart();
      },
    });
    const line = make("p", "");
    line.append(done);
    shown?.remove();
    shown = make("section", "", { id: "asked", hidden: true });
    shown.append(
      title,
      make("p", t("j13.write_there")),
      digitsLine(`/page ${number.slice(0, 5)} ${number.slice(5)}`, "page-number"),
      make("p", t("j13.show_nobody"), { className: "hint" }),
      make("h2", t("j13.keep_these")),
      list,
      digitsLine(digitsOf(phrase).join(" "), "asked-digits"),
      make("p", t("j13.not_yet")),
      make("p", t("j13.all_is_seen")),
      make("p", t("j13.take_it_back"), { className: "hint" }),
      line,
    );
    byId("phrase").after(shown);
    byId("chat-code").value = "";
    showState("asked", title);
  }

  function forget() {
    phrase = null;
    shown?.remove();
    shown = null;
    const field = document.getElementById("chat-code");
    if (field) {
      field.value = "";
      hideProblem("ask-problem");
    }
  }

  return { forget, ask: () => whileBusy(byId("ask"), page.t("c26.opening"), ask) };
}
