// The desk of whoever opens no conversation: an admin sees what is still to be done, an auditor
// numbers, and who may change it the team.

import { button, el } from "./dom.js";
import { newChannelsView } from "./channels_view.js";
import { showDetails } from "./details_view.js";
import { newIdle } from "./idle.js";
import { roundedWait } from "./order.js";
import { newOrganisation } from "./organisation.js";
import { newReadyView } from "./ready_view.js";
import { newRulesView } from "./rules_view.js";
import { newTeamState } from "./team_state.js";
import { newTeamView } from "./team_view.js";
import { ADMIN, SUPERVISOR } from "../roster/roster.js";
import { forgetMember } from "./sign_in.js";

const AGAIN_MS = 15_000;
const TOUCHES = ["keydown", "pointerdown", "pointermove", "wheel", "touchstart"];

/**
 * @param {object} app @param {object} session @param {import("./sign_in.js").Member} member
 * @param {object} given
 * @param {boolean} given.isRecovery came in with the recovery sheets
 * @param {() => void} given.onSignOut @param {(error: unknown) => void} given.onBroken
 * @returns {() => void} ends it
 */
export function showOffice({ root, t, api, now }, session, member, given) {
  const organisation = newOrganisation(session, member);
  const home =
    member.roles & ADMIN ? newReadyView(session, organisation, { onGo: (goes) => goTo(goes) }) : null;
  const { isRecovery, onSignOut, onBroken } = given;
  const counts = el("p", { class: "counts" });
  const urgencies = el("ul", { class: "urgency-counts" });
  const state = newTeamState(session, member);
  const meets = Boolean(member.roles & (ADMIN | SUPERVISOR));
  const follow = () => (isRecovery ? state.follow().catch(onBroken) : undefined);
  const view = meets ? newTeamView(session, member, state, { onChanged: follow }) : null;
  const said = el("p", { role: "status" });
  const rules = meets ? newRulesView({ t, api }) : null;
  const missing = el("p", { class: "banner", role: "status", hidden: true });
  const channels = meets ? newChannelsView({ t, api }, showChannels) : null;
  const channelsButton = button(t("channels.title"), () => channels.show(), "", { hidden: true });
  const idle = newIdle(now());
  root.replaceChildren(
    el(
      "div",
      { class: "office" },
      el(
        "header",
        { class: "bar" },
        el("h1", {}, t("desk.title")),
        el("bdi", { class: "me" }, t("desk.you", { name: member.name })),
        el("span", { class: "bar-buttons" }, channelsButton, button(t("signin.sign_out"), onSignOut)),
      ),
      missing,
      el(
        "div",
        { class: "office-body" },
        home?.element,
        home && el("p", { class: "choices" }, button(t("details.title"), () => goTo("about"))),
        el("section", {}, el("h2", {}, t("office.numbers")), counts, urgencies),
        said,
        el("p", {}, t(isRecovery ? "recovery.inside" : "office.no_conversations")),
        view && el("section", { class: "team-part" }, el("h2", {}, t("team.title")), view.element),
        rules?.element,
      ),
    ),
  );

  function showChannels({ text, isUrgent, any }) {
    channelsButton.hidden = !any;
    missing.hidden = text === "";
    missing.textContent = text;
    missing.classList.toggle("late", isUrgent);
  }

  async function count() {
    try {
      const { open, waiting } = await api.post("/api/counts", {});
      const all = waiting.reduce((sum, one) => sum + one.count, 0);
      counts.textContent = t("office.counts", { open, waiting: all });
      urgencies.replaceChildren(
        ...waiting.map(({ urgency, count: number, since }) =>
          el(
            "li",
            {},
            t("office.one", {
              urgency: t(`urgency.word_${urgency}`),
              count: number,
              wait: t.wait(roundedWait(now() / 1000 - since)),
            }),
          ),
        ),
      );
    } catch {
      counts.textContent = t("trouble.not_done");
    }
  }

  /** To where a line is mended. Writing to oneself takes a counsellor. */
  function goTo(goes) {
    if (goes === "team") {
      root.querySelector(".team-part")?.scrollIntoView();
    } else if (goes === "story") {
      said.textContent = t("story.counsellor");
    } else {
      showDetails(session, member, organisation, { part: goes, onSaved: () => home.look() }).catch(() => {
        said.textContent = t("trouble.not_done");
      });
    }
  }

  async function refresh() {
    try {
      await state.refresh();
    } catch (error) {
      onBroken(error);
    }
  }

  count();
  refresh();
  home?.look();
  rules?.look();
  channels?.look();
  const touch = () => idle.touch(now());
  TOUCHES.forEach((name) => document.addEventListener(name, touch, { passive: true }));
  const timer = setInterval(() => {
    if (idle.stage(now()) === "locked") {
      onSignOut();
      return;
    }
    count();
    refresh();
    home?.look();
    channels?.look();
  }, AGAIN_MS);
  return () => {
    clearInterval(timer);
    TOUCHES.forEach((name) => document.removeEventListener(name, touch));
    document.querySelectorAll("dialog").forEach((dialog) => dialog.remove());
    view?.end();
    state.end();
    forgetMember(member);
    root.replaceChildren();
  };
}
