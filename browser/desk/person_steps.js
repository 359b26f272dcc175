// Two steps that set-up and joining share: names and password, then the second key. Each keeps what
// was typed, and Back works.

import encodeQR from "qr";

import { randomBytes } from "../envelope/bytes.js";
import { WORDS } from "../phrase/words.js";
import { button, el, field, newProblem, picture, whileBusy } from "./dom.js";
import { isLongEnough, offerPassword, SHORTEST } from "./password.js";
import { base32, isCodeNow, keyUri, readCode, SECRET_SIZE } from "./totp.js";

/** @returns what a person types and is offered, until it is sent */
export const newTyped = () => ({
  name: "",
  shownName: "",
  password: offerPassword(WORDS),
  isOwn: false,
  secret: randomBytes(SECRET_SIZE),
});

/**
 * @param {object} app t, now
 * @param {ReturnType<typeof newTyped>} typed
 * @param {object} given
 * @param {(place: "you" | "key", ...children: Node[]) => void} given.show puts a step on the screen
 * @param {() => void} given.onBack from the first of the two
 * @param {(code: number, seconds: number, problem: object) => Promise<void>} given.onDone
 * @returns {{you: (trouble?: string) => void}} begins
 */
export function newPersonSteps({ t, now }, typed, { show, onBack, onDone }) {
  function you(trouble = "") {
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
      el("p", { class: "choices" }, button(t("desk.back"), keep(onBack)), submitButton(t)),
    );
    show("you", problem.place, form);
    if (trouble) {
      problem.tell(trouble);
    }

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

  function secondKey() {
    const problem = newProblem();
    const code = el("input", {
      inputmode: "numeric",
      autocomplete: "off",
      maxlength: 9,
      dir: "ltr",
    });
    const uri = keyUri(typed.secret, t("desk.title"), typed.name);
    const letters = base32(typed.secret)
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
      el(
        "p",
        { class: "choices" },
        button(t("desk.back"), () => you()),
        submit,
      ),
    );
    show("key", problem.place, form);

    function send(event) {
      event.preventDefault();
      problem.clear();
      const number = readCode(code.value);
      const seconds = Math.floor(now() / 1000);
      if (number === null || !isCodeNow(typed.secret, number, seconds)) {
        problem.tell(t("setup.second_key_wrong"));
        return;
      }
      whileBusy(submit, t("setup.making"), () => onDone(number, seconds, problem));
    }
  }

  return { you };
}

const submitButton = (t) => el("button", { class: "main" }, t("desk.continue"));
