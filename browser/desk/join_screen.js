// Joining in five steps, like set-up: start, you, second key, compare, ready. The link's fragment
// was taken out of the address before anything was sent.

import { toBase64Url } from "../envelope/bytes.js";
import { fingerprintWords } from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import { NoAnswer, Refusal } from "./api.js";
import { card, wordList } from "./card.js";
import { button, el, newProblem, whileBusy } from "./dom.js";
import { askInvitation, makeJoin, OtherInvitation, sendJoin } from "./join.js";
import { newPersonSteps, newTyped } from "./person_steps.js";

const STEPS = 5;
const RETRY = ["busy", "unavailable"];
const NAMES = { name_taken: "join.name_taken", other_name: "join.other_name" };

/**
 * @param {object} app @param {import("./invitation.js").Invitation} invitation in memory only
 * @param {{onReady: (ready: {name: string, usedCode: number}) => void}} given
 */
export function showJoin(app, invitation, { onReady }) {
  const { root, t, api, pause, kept } = app;
  const typed = newTyped();
  let roles = 0;
  /** What was made at the end of step 3; the same contents go out however often it is tried. */
  let made = null;

  function step(number, ...children) {
    const name = t(`setup.name_${number}`);
    const heading = el(
      "h1",
      { tabindex: "-1" },
      t("join.progress", { step: number, count: STEPS, name }),
    );
    root.replaceChildren(card(heading, ...children));
    heading.focus();
  }

  const stop = (text) => root.replaceChildren(card(el("p", { role: "alert" }, text)));

  function tellFailure(error, problem) {
    const isAway = error instanceof Refusal && RETRY.includes(error.code);
    if (error instanceof OtherInvitation) {
      stop(t("join.other_link"));
    } else if (error instanceof NoAnswer || isAway) {
      problem.tell(t("setup.retry"));
    } else if (error instanceof Refusal && error.code in NAMES) {
      made = null;
      steps.you(t(NAMES[error.code]));
    } else if (error instanceof Refusal) {
      stop(t("join.expired"));
    } else {
      throw error;
    }
  }

  function begin() {
    const problem = newProblem();
    const go = button(
      t("setup.start"),
      () =>
        whileBusy(go, t("desk.wait"), async () => {
          try {
            const asked = await askInvitation(api, invitation);
            ({ roles } = asked);
            if (asked.isJoined) {
              stop(t("join.used"));
            } else {
              steps.you();
            }
          } catch (error) {
            tellFailure(error, problem);
          }
        }),
      "main",
    );
    step(1, el("p", {}, t("join.intro")), problem.place, go);
  }

  const steps = newPersonSteps(app, typed, {
    show: (place, ...children) => step(place === "you" ? 2 : 3, ...children),
    onBack: begin,
    onDone: store,
  });

  async function store(code, _seconds, problem) {
    const same = made && ["name", "shownName", "password"].every((f) => made.typed[f] === typed[f]);
    try {
      if (!same) {
        const making = await makeJoin(invitation, roles, { ...typed, code });
        made = { ...making, typed: { ...typed }, code };
      }
      await sendJoin(api, invitation, made.body, pause);
      compare();
    } catch (error) {
      // A code lives a minute: what was refused for its age is made anew at the next try.
      made = error instanceof Refusal && !RETRY.includes(error.code) ? null : made;
      tellFailure(error, problem);
    }
  }

  function compare() {
    const { words, code } = made;
    kept.set("fingerprint", toBase64Url(invitation.fingerprint));
    invitation.seed.fill(0);
    typed.secret.fill(0);
    typed.password = "";
    made = null;
    step(
      4,
      el("p", {}, t("join.compare")),
      wordList(fingerprintWords(words, WORDS)),
      el("p", {}, t("join.then")),
      el(
        "p",
        { class: "choices" },
        button(t("setup.differ"), () => stop(t("join.differ_stop"))),
        button(t("join.let_in"), () => ready(code), "main"),
      ),
    );
  }

  function ready(code) {
    const go = () => onReady({ name: typed.name, usedCode: code });
    step(5, el("p", {}, t("join.ready")), button(t("setup.sign_in"), go, "main"));
  }

  begin();
}
