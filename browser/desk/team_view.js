// Who belongs to the team: who may what, who waits to be let in, and a link for somebody new. What
// is pressed here is signed in this browser.

import { equal, toBase64Url } from "../envelope/bytes.js";
import { fingerprintWords } from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import {
  ADMIN,
  AUDITOR,
  COUNSELLOR,
  currentEpoch,
  newcomerHash,
  personOf,
  SUPERVISOR,
} from "../roster/roster.js";
import { wordList } from "./card.js";
import { button, el, field, newProblem, whileBusy } from "./dom.js";
import { linkOf } from "./invitation.js";
import { sheet } from "./sheet.js";
import { makeRecoverySheets } from "./recovery_sheets.js";
import { counsels, RECOVERY_NAME } from "./team_state.js";
import { teamTrouble } from "./troubles.js";

const ROLES = [COUNSELLOR, SUPERVISOR, ADMIN, AUDITOR];
const AGAIN_MS = 4_000;

/** @param {Function} t @param {number} roles bits @returns {string} "Counsellor, Admin" */
const rolesInWords = (t, roles) =>
  t.list(ROLES.filter((role) => roles & role).map((role) => t(`team.role_${role}`)));

/** Boxes for roles. @returns {{element: HTMLElement, value: () => number}} */
function rolePicker(t, roles) {
  const boxes = ROLES.map((role) => [
    role,
    el("input", { type: "checkbox", checked: Boolean(roles & role), id: `role-${role}` }),
  ]);
  const rows = boxes.map(([role, box]) =>
    el(
      "div",
      { class: "pick" },
      box,
      el("label", { for: box.id }, t(`team.role_${role}`)),
      el("span", { class: "meta" }, t(`team.role_${role}_means`)),
    ),
  );
  const element = el("fieldset", { class: "roles" }, el("legend", {}, t("team.roles")), rows);
  const value = () => boxes.reduce((sum, [role, box]) => (box.checked ? sum | role : sum), 0);
  return { element, value };
}

/**
 * @param {object} session t, now @param {import("./sign_in.js").Member} member
 * @param {ReturnType<import("./team_state.js").newTeamState>} state
 * @param {{onChanged: () => void}} given told after the roster was changed here
 */
export function newTeamView({ t, now }, member, state, { onChanged }) {
  const problem = newProblem();
  const people = el("ul", { class: "people" });
  const waiting = el("ul", { class: "people" });
  const waitingPart = el("section", { hidden: true }, el("h3", {}, t("team.waiting")), waiting);
  const recovery = el("section", {});
  const made = el("div", { class: "made", role: "status" });
  const element = el(
    "div",
    { class: "team" },
    problem.place,
    waitingPart,
    el("section", {}, el("h3", {}, t("team.people")), people),
  );
  let drawn = "";

  const isAdmin = () => Boolean(member.roles & ADMIN);
  const mayInvite = () => Boolean(member.roles & (ADMIN | SUPERVISOR));
  const canGrant = () => counsels(member.roles) && Boolean(state.headKeys());
  const isOwn = (staffId) => equal(staffId, member.staffId);
  /** @type {Map<string, number>} who holds the team key of which epoch */
  let holding = new Map();

  /** Whether the team key would be lost with this person; the keeper refuses it as well. */
  function holdsAlone({ staffId }) {
    const holders = member.roster.people.filter(
      (one) =>
        counsels(one.roles) &&
        holding.get(toBase64Url(one.staffId)) === currentEpoch(member.roster).number,
    );
    return holders.length === 1 && equal(holders[0].staffId, staffId);
  }

  /** Whether anybody else has an earlier one: then the keeper says whether they can be removed. */
  function isHeldBefore({ staffId }) {
    return member.roster.people.some(
      (one) =>
        counsels(one.roles) &&
        !equal(one.staffId, staffId) &&
        holding.has(toBase64Url(one.staffId)),
    );
  }

  /** Runs what a button does; trouble is said in one sentence. */
  async function act(pressed, work, place = problem) {
    place.clear();
    await whileBusy(pressed, t("desk.wait"), async () => {
      try {
        await work();
        await look();
      } catch (error) {
        place.tell(teamTrouble(error, t));
      }
    });
  }

  const acting = (label, work, kind = "") =>
    button(label, (event) => act(event.currentTarget, work), kind);

  // --- comparing words ----------------------------------------------------------------------

  /** Both read the words; only then is anything signed. */
  function compare(person, onSame, onDifferent) {
    const trouble = newProblem();
    const words = fingerprintWords(newcomerHash(member.roster.fingerprint, person), WORDS);
    const name = el("bdi", {}, person.shownName);
    const dialog = sheet(
      t.parts("team.let_in_title", { name }),
      el("p", {}, t("invite.read", { count: words.length, name: person.shownName })),
      wordList(words),
      el("p", { class: "meta" }, rolesInWords(t, person.roles)),
      trouble.place,
      el(
        "p",
        { class: "choices" },
        button(t("invite.different"), (event) => pressed(event, onDifferent)),
        button(t("invite.same"), (event) => pressed(event, onSame), "main"),
        button(t("desk.cancel"), () => dialog.close()),
      ),
    );
    const pressed = (event, work) =>
      act(
        event.currentTarget,
        async () => {
          await work();
          dialog.close();
        },
        trouble,
      );
  }

  /** Names the newcomer, and gives the team key where this member has it. */
  async function letIn(person) {
    await state.name(person);
    if (counsels(person.roles) && canGrant()) {
      await state.letRead(person);
    }
    onChanged();
  }

  // --- the lists ----------------------------------------------------------------------------

  function newcomerRow(newcomer) {
    const { staffId, roles, until, joined } = newcomer;
    const known = personOf(member.roster, staffId);
    const name = joined?.shownName ?? known?.shownName ?? t("team.somebody_new");
    const person = joined && { staffId, roles, ...joined };
    const withdraw = () => state.withdraw(staffId);
    const letInButton =
      person &&
      isAdmin() &&
      button(t("team.compare"), () => compare(person, () => letIn(person), withdraw), "main");
    const standing = joined
      ? t(isAdmin() ? "team.waits" : "team.waits_for_admin")
      : t("team.invited", { time: t.moment(until * 1000, now()) });
    return el(
      "li",
      { "data-person": toBase64Url(staffId) },
      el("strong", {}, el("bdi", {}, name)),
      el("span", { class: "meta" }, rolesInWords(t, roles)),
      el("span", { class: "meta" }, known ? `${t("team.new_keys")} ${standing}` : standing),
      el(
        "span",
        { class: "choices" },
        letInButton,
        mayInvite() && acting(t("team.withdraw"), withdraw),
      ),
    );
  }

  function personRow(person, holders) {
    const { staffId, roles, shownName } = person;
    const own = isOwn(staffId);
    const onPaper = person.name === RECOVERY_NAME;
    const holds = holders.has(toBase64Url(staffId));
    const standing = counsels(roles) ? t(holds ? "team.holds" : "team.holds_not") : "";
    const give =
      counsels(roles) && !holds && canGrant() && !own
        ? button(t("team.give"), () => compare(person, () => state.letRead(person), () => undefined))
        : null;
    return el(
      "li",
      { "data-person": toBase64Url(staffId) },
      el("strong", {}, el("bdi", {}, own ? t("desk.you", { name: shownName }) : shownName)),
      el("span", { class: "meta" }, rolesInWords(t, roles)),
      el("span", { class: "meta" }, standing),
      el(
        "span",
        { class: "choices" },
        give,
        mayInvite() && !own && !onPaper && acting(t("team.locked_out"), () => invite(roles, person)),
        isAdmin() && !onPaper && button(t("team.change_roles"), () => changeRoles(person)),
        isAdmin() && !own && button(t("team.remove"), () => askToRemove(person)),
      ),
    );
  }

  /** Fetches and draws; what did not change keeps its focus. */
  async function look() {
    const { newcomers, holders } = await state.look();
    holding = holders;
    const told = JSON.stringify([
      newcomers.map((one) => [toBase64Url(one.staffId), one.until, Boolean(one.joined)]),
      [...holders],
      member.roster.hashes.length,
    ]);
    if (told === drawn) {
      return;
    }
    drawn = told;
    waitingPart.hidden = newcomers.length === 0;
    waiting.replaceChildren(...newcomers.map(newcomerRow));
    recovery.replaceChildren(el("h3", {}, t("recovery.title")), ...recoveryPart());
    people.replaceChildren(...member.roster.people.map((person) => personRow(person, holders)));
  }

  // --- inviting, roles, removal -------------------------------------------------------------

  async function invite(roles, person = null) {
    const { invitation } = await state.invite(roles, person?.staffId);
    const link = linkOf(invitation, `${location.origin}${location.pathname}`);
    const shown = el("input", { value: link, readOnly: true, dir: "ltr", class: "link" });
    const copied = el("span", { class: "meta", role: "status" });
    const copy = button(t("team.copy"), async () => {
      try {
        await navigator.clipboard.writeText(link);
        copied.textContent = t("team.copied");
      } catch {
        shown.select(); // without leave to copy, it is marked to be copied by hand
      }
    });
    const label = person ? t("team.link_again", { name: person.shownName }) : t("team.link");
    made.replaceChildren(
      field(label, shown, t("team.link_hint")),
      el("p", { class: "choices" }, copy, copied),
    );
    shown.focus();
    shown.select();
  }

  function changeRoles(person) {
    const trouble = newProblem();
    const picker = rolePicker(t, person.roles);
    const dialog = sheet(
      t.parts("team.roles_of", { name: el("bdi", {}, person.shownName) }),
      picker.element,
      trouble.place,
      el(
        "p",
        { class: "choices" },
        button(
          t("team.save"),
          (event) => {
            const roles = picker.value();
            if (roles === 0) {
              trouble.tell(t("team.roles_none"));
              return;
            }
            if (!counsels(roles) && holdsAlone(person)) {
              trouble.tell(t("team.holds_alone"));
              return;
            }
            act(
              event.currentTarget,
              async () => {
                await state.name({ ...person, roles });
                dialog.close();
                onChanged();
              },
              trouble,
            );
          },
          "main",
        ),
        button(t("desk.cancel"), () => dialog.close()),
      ),
    );
  }

  function askToRemove(person) {
    const trouble = newProblem();
    if (holdsAlone(person) && !isHeldBefore(person)) {
      const shut = sheet(
        t.parts("team.remove_title", { name: el("bdi", {}, person.shownName) }),
        el("p", {}, t("team.holds_alone")),
        el("p", { class: "choices" }, button(t("desk.cancel"), () => shut.close())),
      );
      return;
    }
    const dialog = sheet(
      t.parts("team.remove_title", { name: el("bdi", {}, person.shownName) }),
      el("p", {}, t("team.remove_effect")),
      el("p", {}, t("team.remove_kept")),
      trouble.place,
      el(
        "p",
        { class: "choices" },
        button(
          t("team.remove_do"),
          (event) =>
            act(
              event.currentTarget,
              async () => {
                await state.remove(person.staffId);
                dialog.close();
                onChanged();
              },
              trouble,
            ),
          "danger",
        ),
        button(t("desk.cancel"), () => dialog.close()),
      ),
    );
  }

  /** Sheets on paper, where there are none yet and this member can give the key. */
  function recoveryPart() {
    const has = member.roster.people.some((one) => one.name === RECOVERY_NAME);
    const make = button(t("recovery.make"), () => makeRecoverySheets(t, state, look));
    return has || !isAdmin() || !canGrant()
      ? [el("p", {}, t(has ? "recovery.there" : "recovery.missing"))]
      : [el("p", {}, t("recovery.missing")), el("p", { class: "choices" }, make)];
  }

  if (mayInvite()) {
    const picker = rolePicker(t, COUNSELLOR);
    const make = button(t("team.make_link"), () =>
      act(make, async () => {
        if (picker.value() === 0) {
          problem.tell(t("team.roles_none"));
          return;
        }
        await invite(picker.value());
      }),
    );
    element.append(
      el(
        "section",
        {},
        el("h3", {}, t("team.invite")),
        el("p", {}, t("team.invite_hint")),
        picker.element,
        el("p", { class: "choices" }, make),
        made,
      ),
    );
  }
  element.append(recovery);

  const lookQuietly = () => look().catch((error) => problem.tell(teamTrouble(error, t), false));
  lookQuietly();
  const timer = setInterval(lookQuietly, AGAIN_MS);
  return { element, look: lookQuietly, end: () => clearInterval(timer) };
}
