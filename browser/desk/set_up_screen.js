// Set-up in five steps. Each keeps what was typed; Back works. Nothing is sent before the end of
// step 3, and then everything at once.

import encodeQR from "qr";

import { equal, randomBytes, toBase64Url } from "../envelope/bytes.js";
import { fingerprintWords } from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import { NoAnswer, Refusal } from "./api.js";
import { card, SETUP_COMMAND, wordList } from "./card.js";
import { button, el, field, newProblem, picture, whileBusy } from "./dom.js";
import { isLongEnough, offerPassword, SHORTEST } from "./password.js";
import { askSetUpKeys, makeSetUp, NotTheKeeper, sendSetUp } from "./set_up.js";
import { base32, isCodeNow, keyUri, readCode, SECRET_SIZE } from "./totp.js";

const STEPS = 5;
const RETRY = ["busy", "unavailable"];

/**
 * @param {object} app @param {Uint8Array} token in memory only
 * @param {{onReady: (ready: {name: string, usedCode: number}) => void}} given
 */
export function showSetUp(app, token, { onReady }) {
  const { root, t, api, pause, kept, now } = app;
  const secret = randomBytes(SECRET_SIZE);
  const typed = { name: "", shownName: "", password: offerPassword(WORDS), isOwn: false, secret };
  /** What was made at the end of step 3; the same bytes go out however often it is tried. */
  let made = null;

  function step(number, ...children) {
    const heading = el(
      "h1",
      { tabindex: "-1" },
      t("setup.progress", { step: number, count: STEPS, name: t(`setup.name_${number}`) }),
    );
    root.replaceChildren(card(heading, ...children));
    heading.focus();
  }

  const stop = (text) => root.replaceChildren(card(el("p", { role: "alert" }, text)));

  function tellFailure(error, problem) {
    if (error instanceof NotTheKeeper) {
      stop(t("setup.not_this_server"));
    } else if (
      error instanceof NoAnswer ||
      (error instanceof Refusal && RETRY.includes(error.code))
    ) {
      problem.tell(t("setup.retry"));
    } else if (error instanceof Refusal) {
      stop(t.parts("setup.expired", { command: el("code", {}, SETUP_COMMAND) }));
    } else {
      throw error;
    }
  }

  // --- 1 start ------------------------------------------------------------------------------

  function begin() {
    const problem = newProblem();
    const go = button(
      t("setup.start"),
      () =>
        whileBusy(go, t("desk.wait"), async () => {
          try {
            await askSetUpKeys(api, token);
            you();
          } catch (error) {
            tellFailure(error, problem);
          }
        }),
      "main",
    );
    step(1, el("p", {}, t("setup.intro")), problem.place, go);
  }

  // --- 2 you --------------------------------------------------------------------------------

  function you() {
    const problem = newProblem();
    const name = el("input", { value: typed.name, autocomplete: "username", maxlength: 60 });
    const shown = el("input", { value: typed.shownName, autocomplete: "off", maxlength: 40 });
    const password = el("input", {
      value: typed.password,
      readOnly: !typed.isOwn,
      autocomplete: "new-password",
      spellcheck: "false",
      autocapitalize: "none",
      translate: "no",
      class: "offered",
    });
    const another = button(t("setup.password_another"), () => {
      typed.isOwn = false;
      password.readOnly = true;
      password.value = offerPassword(WORDS);
    });
    const own = button(t("setup.password_own"), () => {
      typed.isOwn = true;
      password.readOnly = false;
      password.value = "";
      password.focus();
    });
    const form = el(
      "form",
      { onsubmit: proceed },
      field(t("setup.desk_name"), name, t("setup.desk_name_hint")),
      field(t("setup.client_name"), shown, t("setup.client_name_hint")),
      field(t("setup.password"), password, t("setup.password_note")),
      el("p", { class: "choices" }, another, own),
      el("p", { class: "choices" }, button(t("desk.back"), keep(begin)), submitButton(t)),
    );
    step(2, problem.place, form);

    function keep(next) {
      return () => {
        Object.assign(typed, {
          name: name.value.trim(),
          shownName: shown.value.trim(),
          password: password.value,
        });
        next();
      };
    }

    function proceed(event) {
      event.preventDefault();
      if (!name.value.trim() || !shown.value.trim()) {
        problem.tell(t(name.value.trim() ? "setup.client_name_missing" : "setup.name_missing"));
      } else if (!isLongEnough(password.value)) {
        problem.tell(t("setup.password_short", { count: SHORTEST }));
      } else {
        keep(secondKey)();
      }
    }
  }

  // --- 3 second key -------------------------------------------------------------------------

  function secondKey() {
    const problem = newProblem();
    const code = el("input", {
      inputmode: "numeric",
      autocomplete: "off",
      maxlength: 9,
      dir: "ltr",
    });
    const uri = keyUri(secret, t("desk.title"), typed.name);
    const letters = base32(secret)
      .match(/.{1,4}/g)
      .join(" ");
    const submit = submitButton(t);
    const form = el(
      "form",
      { onsubmit: send },
      el("p", {}, t("setup.second_key")),
      picture(encodeQR(uri, "raw", { border: 2 }), t("setup.second_key_picture")),
      el("p", {}, `${t("setup.second_key_letters")}: `, el("code", { translate: "no" }, letters)),
      field(t("setup.second_key_code"), code),
      el("p", { class: "choices" }, button(t("desk.back"), you), submit),
    );
    step(3, problem.place, form);

    function send(event) {
      event.preventDefault();
      problem.clear();
      const number = readCode(code.value);
      const seconds = Math.floor(now() / 1000);
      if (number === null || !isCodeNow(secret, number, seconds)) {
        problem.tell(t("setup.second_key_wrong"));
        return;
      }
      whileBusy(submit, t("setup.making"), () => found(number, seconds, problem));
    }
  }

  async function found(code, seconds, problem) {
    const same = made && ["name", "shownName", "password"].every((f) => made.typed[f] === typed[f]);
    try {
      if (!same) {
        const keys = await askSetUpKeys(api, token); // the keeper may have started anew meanwhile
        const body = await makeSetUp(token, keys, { ...typed, code }, seconds);
        made = { ...body, typed: { ...typed }, code };
      }
      const pinned = await sendSetUp(api, made.body, pause);
      if (equal(pinned, made.fingerprint)) {
        compare();
      } else {
        stop(t("setup.differ_stop"));
      }
    } catch (error) {
      // A code lives a minute: what was refused for its age is made anew at the next try.
      made = error instanceof Refusal ? null : made;
      tellFailure(error, problem);
    }
  }

  // --- 4 compare, 5 ready -------------------------------------------------------------------

  function compare() {
    token.fill(0);
    secret.fill(0);
    typed.password = "";
    made.typed.password = "";
    step(
      4,
      el("p", {}, t("setup.compare")),
      wordList(fingerprintWords(made.fingerprint, WORDS)),
      el(
        "p",
        { class: "choices" },
        button(t("setup.differ"), () => stop(t("setup.differ_stop"))),
        button(t("setup.same"), ready, "main"),
      ),
    );
  }

  function ready() {
    kept.set("fingerprint", toBase64Url(made.fingerprint));
    const go = () => onReady({ name: typed.name, usedCode: made.code });
    step(5, el("p", {}, t("setup.ready_open")), button(t("setup.sign_in"), go, "main"));
  }

  begin();
}

const submitButton = (t) => el("button", { class: "main" }, t("desk.continue"));
