// The desk at work: list, conversation, findings and notes in one screen; one at a time on a phone.
// This file joins the parts and turns keys into what they do.

import { ADMIN, RosterError, SUPERVISOR } from "../roster/roster.js";
import { NoAnswer, Refusal } from "./api.js";
import { newChannelsView } from "./channels_view.js";
import { newDesk } from "./desk.js";
import { askToClose, askToHandOver, showKeys } from "./dialogs.js";
import { button, el } from "./dom.js";
import { newHeaderView } from "./header_view.js";
import { showDetails } from "./details_view.js";
import { newIdle } from "./idle.js";
import { newOrganisation } from "./organisation.js";
import { newQueueView } from "./queue_view.js";
import { actionOf, newDoublePress } from "./shortcuts.js";
import { mirrorIsLate, newReadyView } from "./ready_view.js";
import { newRewrapping } from "./rewrapping.js";
import { newRulesView } from "./rules_view.js";
import { sheet } from "./sheet.js";
import { newSideView } from "./side_view.js";
import { markSign } from "./signs.js";
import { newStoryView } from "./story_view.js";
import { newTalkView, talkNotice } from "./talk_view.js";
import { counsels, newTeamState } from "./team_state.js";
import { newTeamView } from "./team_view.js";
import { doingTrouble, openingTrouble } from "./troubles.js";

const TICK_MS = 200;
const SPREAD_MS = 1_500;
const LOOK_AGAIN_MS = 60_000;
const TOUCHES = ["keydown", "pointerdown", "pointermove", "wheel", "touchstart"];
const GONE = { erased: "talk.erased_by_client", forgotten: "talk.forgotten" };

/**
 * @param {object} app @param {object} session @param {object} member who works here
 * @param {object} given
 * @param {() => void} given.onLock @param {() => void} given.onSignOut
 * @param {(error: unknown) => void} given.onBroken the roster does not hold
 * @returns {() => Promise<unknown>} ends it: drafts are stored, keys forgotten
 */
export function showWork({ root, t }, session, member, { onLock, onSignOut, onBroken }) {
  const { rows, now, kept, pause } = session;
  /** The id of the conversation on the screen, and its two views. */
  let openId = null;
  let talkView = null;
  let sideView = null;
  let opening = 0;
  let isOver = false;

  const state = newTeamState(session, member, () => teamSheet?.look());
  const desk = newDesk(session, member, { changed, gone, readTeam: state.refresh });
  const queue = newQueueView(session, desk, {
    onOpen: open,
    openId: () => openId,
    onTakeNext: takeNext,
  });
  const header = newHeaderView(session, desk, {
    onLock,
    onSignOut,
    onKeys: showSheet,
    onTeam: showTeam,
    onChannels: () => channels.show(),
    onOffice: member.roles & ADMIN ? () => showOffice() : null,
  });
  const channels = newChannelsView(session, header.showChannels);
  const rewrapping = newRewrapping(session, member, {
    progress: (left) => header.showProgress(left ? t("team.rewrapping", { count: left }) : ""),
    done: (id, epoch) => rows.patch(id, { epoch }),
  });
  /** The sheet with the team, while it is open. */
  let teamSheet = null;
  const idle = newIdle(now());
  const locks = newDoublePress();
  const nav = el(
    "nav",
    { class: "phone-nav" },
    navButton("queue", () => showQueue("queue"), "nav.queue"),
    navButton("queue", () => showQueue("mine"), "queue.mine_short"),
    navButton("talk", () => screen("talk"), "nav.talk"),
    navButton("side", () => screen("side"), "nav.side"),
  );
  const middle = el("div", { class: "middle" });
  const right = el("div", { class: "right" });
  const frame = el(
    "div",
    { class: "desk", "data-screen": "queue" },
    ...header.elements,
    el("div", { class: "panes" }, queue.element, middle, right),
    nav,
  );
  root.replaceChildren(frame);
  showNothing(el("p", {}, t("talk.nothing_selected")));
  queue.render(true);
  queue.focus();

  function navButton(name, onPress, label) {
    return button(t(label), onPress, "", { "data-goes": name });
  }

  function screen(name) {
    frame.dataset.screen = name;
  }

  function showQueue(tab) {
    queue.choose(tab);
    screen("queue");
    queue.focus();
  }

  // --- what stands in the middle ------------------------------------------------------------

  function leaveTalk() {
    openId = null;
    talkView = null;
    sideView = null;
    desk.composers.show(null, now());
    right.replaceChildren();
  }

  function showNothing(...children) {
    leaveTalk();
    middle.replaceChildren(talkNotice(...children));
  }

  async function open(id) {
    if (openId === id) {
      screen("talk");
      talkView?.focus();
      return;
    }
    const mine = (opening += 1);
    if (!desk.of(id)) {
      showNothing(el("p", { role: "status" }, t("talk.loading")));
    }
    openId = id;
    screen("talk");
    try {
      const talk = await desk.open(id);
      if (mine === opening && talk) {
        showTalk(id, talk);
      }
    } catch (error) {
      if (mine === opening) {
        showNothing(el("p", { role: "alert" }, openingTrouble(error, t, member)));
      }
    }
  }

  function showTalk(id, talk) {
    openId = id;
    desk.composers.show(id, now());
    talkView = newTalkView(session, desk, talk, {
      onClaim: () => claim(id),
      onRelease: () => act(() => desk.release(id)),
      onHandOver: () => handOver(id),
      onClose: () => close(id),
      onBack: () => showQueue(queue.tab()),
      onSide: () => screen("side"),
    });
    sideView = newSideView(session, desk, talk, {
      onBack: () => screen("talk"),
      onSupervisor: () => handOverToSupervisor(id),
      say: header.say,
    });
    middle.replaceChildren(talkView.element);
    right.replaceChildren(sideView.element);
    talkView.render();
    talkView.toEnd();
    talkView.focus();
    queue.render();
  }

  function changed(id) {
    if (id === openId) {
      talkView?.render();
      sideView?.render();
    }
  }

  function gone(id, why) {
    if (id === openId) {
      const words =
        why in GONE
          ? [el("p", { role: "alert" }, t(GONE[why]))]
          : [el("p", {}, t("talk.nothing_selected"))];
      showNothing(...words);
    }
    queue.render();
  }

  // --- what is done -------------------------------------------------------------------------

  async function act(work) {
    try {
      await work();
    } catch (error) {
      header.say(doingTrouble(error, t));
    }
  }

  const claim = (id) =>
    act(async () => {
      if (await desk.claim(id)) {
        talkView?.answer.focus();
      } else {
        const name = rows.nameOf(rows.get(id)?.holder);
        header.say(t("talk.claim_lost", { name: name || t("talk.somebody") }));
      }
    });

  async function takeNext() {
    const id = queue.next();
    if (id) {
      await open(id);
      await claim(id);
    }
  }

  function close(id) {
    const talk = desk.of(id);
    if (talk && rows.get(id)?.holder === desk.own) {
      askToClose(session, talk, async (reason) => {
        const due = await desk.close(id, t("close.note", { reason }));
        header.say(t("close.done", { date: t.day(due * 1000) }));
      });
    }
  }

  function handOver(id, people = desk.colleagues(), known = "") {
    const talk = desk.of(id);
    if (talk && rows.get(id)?.holder === desk.own && people.length) {
      askToHandOver(session, desk, talk, {
        people,
        known,
        async onHandOver(person, text) {
          await desk.handOver(id, person.staffId, text);
          header.say(t("hand.done", { name: person.shownName }));
        },
      });
    }
  }

  /** Who threatens the team, or asks about people here, is the supervisor's; claimed for that. */
  async function handOverToSupervisor(id) {
    if (rows.get(id)?.holder !== desk.own) {
      await claim(id);
    }
    handOver(id, desk.supervisors(), t("route.handed_over"));
  }

  const single = {
    isOn: kept.get("keys") !== "off",
    onSwitch(on) {
      single.isOn = on;
      kept.set("keys", on ? "on" : "off");
    },
  };

  function showSheet() {
    showKeys(session, single);
  }

  // --- the team -----------------------------------------------------------------------------

  /** A new epoch where one is due, keys for colleagues, wraps for the new key. */
  async function followTeam() {
    try {
      await state.follow();
      if (counsels(member.roles)) {
        await rewrapping.run();
      }
    } catch (error) {
      if (!isOver && error instanceof RosterError) {
        onBroken(error);
      } else if (!isOver && !(error instanceof NoAnswer || error instanceof Refusal)) {
        throw error;
      } // no connection: the next change, or the next sign-in, goes on
    }
  }

  /** Of several desks that hear of it at once, one should make the epoch. */
  async function teamChanged() {
    await pause(Math.random() * SPREAD_MS);
    if (!isOver) {
      await followTeam();
    }
  }

  function showTeam() {
    teamSheet = newTeamView(session, member, state, { onChanged: followTeam });
    const { look, end, element } = teamSheet;
    const rules = member.roles & (ADMIN | SUPERVISOR) ? newRulesView(session) : null;
    const shut = button(t("keys.shut"), () => dialog.close());
    const dialog = sheet(t("team.title"), element, rules?.element, shut);
    rules?.look();
    dialog.classList.add("wide");
    dialog.addEventListener("close", () => {
      end();
      teamSheet = null;
      home?.look();
    });
    look();
  }

  // --- the office: what is still to be done, for admins ---------------------------------------

  const organisation = newOrganisation(session, member);
  /** The readiness list: an admin's home while no conversation is on the screen. */
  const home = member.roles & ADMIN ? newReadyView(session, organisation, { onGo: goTo, onKnown }) : null;
  let story = null;
  let clientUrl = "/";

  function onKnown(answer) {
    clientUrl = answer.client_page_url;
    header.showLate(mirrorIsLate(t, answer));
    if (session.mode && !answer.chosen) {
      const { mode } = session;
      session.mode = null; // chosen in the set-up by the first person; signed once they are in
      organisation.save({ mode }).then(() => home.look(), () => undefined);
    }
  }

  function goTo(goes) {
    if (goes === "team") {
      showTeam();
    } else if (goes === "story") {
      tellStory();
    } else {
      act(() => showDetails(session, member, organisation, { part: goes, onSaved: () => home.look() }));
    }
  }

  function showOffice() {
    showHome();
    screen("talk");
    home.element.querySelector("button")?.focus();
  }

  function showHome() {
    opening += 1;
    const details = button(t("details.title"), () => goTo("about"));
    showNothing(home.element, el("p", { class: "choices" }, details));
    home.look();
  }

  function tellStory() {
    story?.end();
    story = newStoryView(session, desk, {
      clientUrl,
      onDone: () => organisation.save({ wrote_to_self: Math.floor(now() / 1000) }),
      onShut() {
        story = null;
        home?.look();
      },
    });
    frame.querySelector(".panes").before(story.element);
    story.focus();
    showQueue("queue");
  }

  // --- keys ---------------------------------------------------------------------------------

  const target = () => openId ?? queue.active();
  const doing = {
    ...queue.act,
    open: () => queue.isFocused() && queue.active() && open(queue.active()),
    next: () => queue.next() && screen("queue"),
    claim: () => target() && claim(target()),
    answer: () => talkView && (screen("talk"), talkView.answer.focus()),
    send: () => talkView?.answer.submit(),
    undo: () => desk.composers.undo(now()) && talkView?.render(),
    note: () => sideView && (screen("side"), sideView.focusNote()),
    urgency: () => sideView && (screen("side"), sideView.focusUrgency()),
    close: () => openId && close(openId),
    hand_over: () => openId && handOver(openId),
    mine: () => showQueue("mine"),
    queue: () => showQueue("queue"),
    filter: () => (screen("queue"), queue.focusFilter()),
    sheet: showSheet,
    lock: () => locks(now()) && onLock(),
    leave_field: () =>
      frame.dataset.screen === "queue" ? queue.focus() : (talkView?.focus() ?? queue.focus()),
    escape: () => showQueue(queue.tab()),
  };

  function whereIs(element) {
    const field = element?.closest("input, textarea, select") ?? null;
    return {
      field: field !== null,
      composer: Boolean(field?.closest(".composer")),
      held: Boolean(field?.readOnly),
      list: frame.contains(element) || element === document.body,
      single: single.isOn,
    };
  }

  function onKey(event) {
    if (document.querySelector("dialog[open]")) {
      return;
    }
    const focused = document.activeElement;
    const isPlain = ["Enter", " "].includes(event.key) && focused?.closest("button, a, summary");
    const action = isPlain ? null : actionOf(event, whereIs(focused));
    if (action && doing[action]) {
      event.preventDefault();
      doing[action]();
    }
  }

  // --- time ---------------------------------------------------------------------------------

  function heldElsewhere() {
    const [first] = desk.composers.held(now()).filter((one) => one.conversation.key !== openId);
    if (!first) {
      return [];
    }
    const seconds = t("answer.sending_in", { seconds: first.secondsLeft(now()) });
    return [
      markSign(first.conversation.mark, t),
      ` ${seconds} `,
      button(`${t("answer.undo")} Z`, () => first.undo()),
    ];
  }

  function tick() {
    desk.tick();
    talkView?.tick();
    header.showHeld(heldElsewhere());
    const stage = idle.stage(now());
    header.warn(stage === "warned");
    if (stage === "locked") {
      onLock();
    }
  }

  const touch = () => idle.touch(now());
  TOUCHES.forEach((name) => document.addEventListener(name, touch, { passive: true }));
  document.addEventListener("keydown", onKey);
  const timer = setInterval(tick, TICK_MS);

  if (home) {
    showHome();
  }
  const lookAround = () => {
    home?.look();
    channels.look();
  };
  const homeTimer = setInterval(lookAround, LOOK_AGAIN_MS);
  channels.look();
  session.teamChanged = teamChanged;
  followTeam();

  return () => {
    isOver = true;
    session.teamChanged = null;
    teamSheet?.end();
    story?.end();
    state.end();
    rewrapping.end();
    clearInterval(timer);
    clearInterval(homeTimer);
    TOUCHES.forEach((name) => document.removeEventListener(name, touch));
    document.removeEventListener("keydown", onKey);
    document.querySelectorAll("dialog").forEach((dialog) => dialog.remove());
    queue.end();
    header.end();
    root.replaceChildren();
    return desk.end();
  };
}
