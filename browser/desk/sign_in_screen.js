// Signing in, and the first look at the team's fingerprint.

import { fromBase64Url, toBase64Url } from "../envelope/bytes.js";
import { fingerprintWords } from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import { card, SETUP_COMMAND, wordList } from "./card.js";
import { button, el, field, newProblem, whileBusy } from "./dom.js";
import { signIn } from "./sign_in.js";
import { readCode } from "./totp.js";
import { signInTrouble } from "./troubles.js";

/**
 * @param {object} app
 * @param {object} given
 * @param {string} given.notice to say first @param {string} given.name already known
 * @param {number | null} given.usedCode of the second key that was used a moment ago
 * @param {(signedIn: object) => Promise<void>} given.onSignedIn
 * @param {() => void} given.onRecover to come in with the recovery sheets
 * @param {(code: string, name: string) => Promise<void>} given.onLanguage another language is wanted;
 *   `name` was typed already
 */
export function showSignIn(app, given) {
  const { notice = "", name = "", usedCode = null, onSignedIn, onRecover, onLanguage } = given;
  const { root, t, api, kept } = app;
  const problem = newProblem();
  const named = el("input", { value: name, autocomplete: "username", required: true });
  const password = el("input", {
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  const code = el("input", {
    inputmode: "numeric",
    autocomplete: "one-time-code",
    maxlength: 9,
    required: true,
    dir: "ltr",
  });
  const submit = el("button", { class: "main" }, t("signin.sign_in"));
  const form = el(
    "form",
    { onsubmit: send },
    field(t("signin.name"), named),
    field(t("signin.password"), password),
    field(t("signin.code"), code),
    submit,
  );
  const status = notice && el("p", { class: "notice", role: "status" }, notice);
  const sheets = button(t("recovery.use"), onRecover, "plain");
  const menu = languageMenu(app.languages, (language) =>
    onLanguage(language, named.value).catch(() => problem.tell(t("signin.no_connection"))),
  );
  root.replaceChildren(
    card(...[menu, el("h1", {}, t("signin.title")), status, problem.place, form, sheets].filter(Boolean)),
  );
  (name ? password : named).focus();

  function send(event) {
    event.preventDefault();
    problem.clear();
    return whileBusy(submit, t("signin.opening"), attempt);
  }

  async function attempt() {
    const number = readCode(code.value);
    if (number === null || number === usedCode) {
      problem.tell(t(number === null ? "signin.wrong" : "signin.code_used"));
      return;
    }
    try {
      const hello = await api.post("/api/hello", {});
      if (hello.setup_needed || !hello.fingerprint) {
        showNotSetUp(app);
        return;
      }
      const known = kept.get("fingerprint");
      const fingerprint = fromBase64Url(known ?? hello.fingerprint);
      const typed = { name: named.value, password: password.value, code: number };
      const head = known && kept.get("head");
      const signedIn = await signIn(api, typed, fingerprint, head ? fromBase64Url(head) : null);
      password.value = "";
      code.value = "";
      await (known ? onSignedIn(signedIn) : compareFingerprint(app, fingerprint, () => onSignedIn(signedIn)));
    } catch (error) {
      code.value = "";
      problem.tell(signInTrouble(error, t));
    }
  }
}

/** Every language in its own name and letters; the one that is spoken stands on the menu. */
function languageMenu(languages, onChosen) {
  const { lang } = document.documentElement;
  const now = languages.find(({ tag }) => tag === lang) ?? languages[0];
  const others = languages.filter((one) => one !== now);
  return el(
    "details",
    { class: "languages" },
    el("summary", { lang: now.tag }, now.name),
    el(
      "p",
      { class: "choices" },
      ...others.map(({ code, tag, name }) => {
        const one = button(name, () => onChosen(code));
        one.lang = tag;
        return one;
      }),
    ),
  );
}

/** The first sight of this team in this browser: the words are compared with a colleague. */
export function compareFingerprint({ root, t, kept }, fingerprint, onSame) {
  const words = fingerprintWords(fingerprint, WORDS);
  const heading = el("h1", { tabindex: "-1" }, t("signin.fingerprint"));
  const same = () => {
    kept.set("fingerprint", toBase64Url(fingerprint));
    return onSame();
  };
  const differ = () =>
    root.replaceChildren(card(el("h1", { tabindex: "-1" }, t("signin.fingerprint_stop"))));
  root.replaceChildren(
    card(
      heading,
      wordList(words),
      el(
        "p",
        { class: "choices" },
        button(t("signin.fingerprint_differ"), differ),
        button(t("signin.fingerprint_same"), same, "main"),
      ),
    ),
  );
  heading.focus();
}

/** Nobody is set up here yet. */
export function showNotSetUp({ root, t }) {
  const command = el("code", {}, SETUP_COMMAND);
  root.replaceChildren(
    card(el("h1", {}, t("desk.title")), el("p", {}, t.parts("setup.needed", { command }))),
  );
}
