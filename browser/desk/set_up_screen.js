// Set-up in five steps. Each keeps what was typed; Back works. Nothing is sent before the end of
// step 3, and then everything at once.

import { equal, toBase64Url } from "../envelope/bytes.js";
import { fingerprintWords } from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import { NoAnswer, Refusal } from "./api.js";
import { card, SETUP_COMMAND, wordList } from "./card.js";
import { button, el, newProblem, whileBusy } from "./dom.js";
import { newPersonSteps, newTyped } from "./person_steps.js";
import { askSetUpKeys, makeSetUp, NotTheKeeper, sendSetUp } from "./set_up.js";

const STEPS = 5;
const RETRY = ["busy", "unavailable"];

/**
 * @param {object} app @param {Uint8Array} token in memory only
 * @param {{onReady: (ready: {name: string, usedCode: number, mode: string}) => void}} given
 */
export function showSetUp(app, token, { onReady }) {
  const { root, t, api, pause, kept } = app;
  const typed = newTyped();
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
            steps.you();
          } catch (error) {
            tellFailure(error, problem);
          }
        }),
      "main",
    );
    step(1, el("p", {}, t("setup.intro")), problem.place, go);
  }

  // --- 2 you, 3 second key ------------------------------------------------------------------

  const steps = newPersonSteps(app, typed, {
    show: (place, ...children) => step(place === "you" ? 2 : 3, ...children),
    onBack: begin,
    onDone: found,
  });

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
    typed.secret.fill(0);
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
    const modes = ["trial", "real"].map((mode) => {
      const id = `mode-${mode}`;
      const isFirst = mode === "trial";
      const box = el("input", { type: "radio", name: "mode", id, value: mode, checked: isFirst });
      const label = el("label", { for: id }, t(`setup.mode_${mode}`));
      return { mode, box, row: el("p", { class: "choose" }, box, label) };
    });
    const go = () => {
      const { mode } = modes.find(({ box }) => box.checked);
      onReady({ name: typed.name, usedCode: made.code, mode });
    };
    const rows = modes.map(({ row }) => row);
    step(
      5,
      el("p", {}, t("setup.ready")),
      el("fieldset", { class: "part" }, el("legend", {}, t("setup.mode")), rows),
      button(t("setup.sign_in"), go, "main"),
    );
  }

  begin();
}
