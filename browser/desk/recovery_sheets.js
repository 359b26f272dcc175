// Making recovery sheets: they are written down and read back before they count. Only then does the
// roster name the keys, and they get the team key.

import { equal, randomBytes } from "../envelope/bytes.js";
import { WORDS } from "../phrase/words.js";
import { ADMIN, COUNSELLOR } from "../roster/roster.js";
import { wordList } from "./card.js";
import { button, el, newProblem } from "./dom.js";
import { newSheetReader } from "./sheet_reader.js";
import { sheet } from "./sheet.js";
import { makeShares, recoveryKeys } from "./shares.js";
import { RECOVERY_NAME } from "./team_state.js";
import { teamTrouble } from "./troubles.js";

const CHOICES = [
  [3, 2],
  [2, 2],
  [5, 3],
];

/**
 * @param {Function} t @param {ReturnType<import("./team_state.js").newTeamState>} state
 * @param {() => void} onDone
 */
export function makeRecoverySheets(t, state, onDone) {
  const body = el("div", { class: "team" });
  const dialog = sheet(t("recovery.title"), body);
  const leave = () => button(t("desk.cancel"), () => dialog.close());
  let made = null;

  function choose() {
    const select = el(
      "select",
      { "aria-label": t("recovery.how_many") },
      CHOICES.map(([count, needed], i) =>
        el("option", { value: String(i) }, t("recovery.choice", { count, needed })),
      ),
    );
    const go = button(
      t("desk.continue"),
      async () => {
        const [count, needed] = CHOICES[Number(select.value)];
        made = { needed, ...(await makeShares(count, needed, WORDS)) };
        show(0);
      },
      "main",
    );
    body.replaceChildren(
      el("p", {}, t("recovery.what")),
      el("p", {}, select),
      el("p", { class: "choices" }, go, leave()),
    );
  }

  function show(i) {
    const { sheets } = made;
    const isLast = i === sheets.length - 1;
    const next = button(t("desk.continue"), () => (isLast ? rehearse() : show(i + 1)), "main");
    body.replaceChildren(
      el("h3", { tabindex: "-1" }, t("recovery.sheet", { number: i + 1, count: sheets.length })),
      el("p", {}, t("recovery.write", { needed: made.needed })),
      wordList(sheets[i]),
      el("p", { class: "choices" }, next, leave()),
    );
    body.querySelector("h3").focus();
  }

  function rehearse() {
    const problem = newProblem();
    const reader = newSheetReader(t, async (secret) => {
      if (!equal(secret, made.secret)) {
        problem.tell(t("recovery.not_together"));
        return;
      }
      try {
        await count(secret);
      } catch (error) {
        problem.tell(teamTrouble(error, t));
      }
    });
    body.replaceChildren(
      el("p", {}, t("recovery.rehearse", { needed: made.needed })),
      problem.place,
      reader,
      el("p", { class: "choices" }, leave()),
    );
  }

  /** What was read back is what was made: from now on it counts. */
  async function count(secret) {
    const keys = recoveryKeys(secret);
    secret.fill(0);
    const person = {
      staffId: randomBytes(16),
      name: RECOVERY_NAME,
      shownName: t("recovery.name"),
      boxKey: keys.box.public,
      signKey: keys.sign.public,
      roles: COUNSELLOR | ADMIN,
    };
    await state.name(person);
    await state.letRead(person);
    const shut = button(t("keys.shut"), () => dialog.close(), "main");
    body.replaceChildren(el("p", { role: "status" }, t("recovery.done")), shut);
    shut.focus();
    onDone();
  }

  dialog.addEventListener("close", () => {
    made?.secret.fill(0);
    made = null;
  });
  choose();
}
