// The middle: one conversation, its header with the mark, its messages and its composer. Everything
// here is one element that belongs to one conversation; another one is another element.

import { button, el } from "./dom.js";
import { newAttachView } from "./attach_view.js";
import { newComposerView } from "./composer_view.js";
import { hoursOf } from "../envelope/ways.js";
import { isOpen } from "./reach.js";
import { newLineView, numberedFindings } from "./line_view.js";
import { markSign, urgencySign } from "./signs.js";

const RECENT = 30;

/**
 * @param {object} session @param {object} desk @param {object} talk of desk.open
 * @param {object} given what its buttons do: onClaim, onRelease, onHandOver, onClose, onBack, onSide
 */
export function newTalkView(session, desk, talk, given) {
  const { t, rows, now } = session;
  const { conversation, composer } = talk;
  const { key, mark, thread } = conversation;
  let shown = "";
  let all = false;

  const name = el("bdi", { class: "name" });
  const facts = el("p", { class: "facts meta" });
  const urgency = el("span", {});
  const warning = el("p", { class: "warning", hidden: true });
  const claim = button(t("talk.claim"), given.onClaim, "main");
  const release = button(t("talk.release"), given.onRelease);
  const handOver = button(t("talk.hand_over"), given.onHandOver, "", { "aria-keyshortcuts": "H" });
  const close = button(t("talk.close"), given.onClose);
  const header = el(
    "header",
    { class: `talk-head tone-${mark.tone}` },
    el(
      "div",
      { class: "who" },
      button("‹", given.onBack, "back", { "aria-label": t("desk.back") }),
      el("h2", { tabindex: -1 }, markSign(mark, t)),
      name,
      urgency,
    ),
    facts,
    el(
      "div",
      { class: "choices" },
      claim,
      release,
      handOver,
      close,
      button(t("findings.title"), given.onSide, "to-side"),
    ),
    warning,
  );
  const older = button("", showAll, "older", { hidden: true });
  const lines = el("ol", { class: "lines" });
  const scroller = el("div", { class: "scroller", tabindex: 0 }, older, lines);
  const lineView = newLineView(session, desk, {
    onCopy(text) {
      composer.restore(text);
      answer.render();
    },
  });
  const answer = newComposerView(session, desk, talk, {
    onClaim: given.onClaim,
    onRead: () => scroller.scrollTo({ top: scroller.scrollHeight }),
  });
  const attach = newAttachView(session, desk, talk);
  const element = el(
    "section",
    { class: "talk", "data-conversation": key },
    header,
    scroller,
    answer.element,
    attach.element,
  );

  function showAll() {
    all = true;
    shown = "";
    render();
  }

  function drawHeader() {
    const row = rows.get(key) ?? conversation.row;
    const holder = row.holder ?? null;
    const isOwn = holder === desk.own;
    name.textContent = talk.name || t("talk.no_name");
    urgency.replaceChildren(urgencySign(row.urgency, t));
    const erased = row.waiting_since === null ? "talk.erased_date" : "talk.erased_soon";
    const held = isOwn
      ? t("talk.yours")
      : holder
        ? t("talk.holder", { name: rows.nameOf(holder) })
        : t("talk.free");
    facts.replaceChildren(
      [
        t.channel(row.channel),
        t("talk.writes_language", { language: t.language(row.language) }),
        t(erased, { date: t.day(talk.due * 1000) }),
        wayNow(),
        hoursNow(),
        held,
      ]
        .filter(Boolean)
        .join(" · "),
    );
    claim.hidden = holder !== null;
    release.hidden = !isOwn;
    close.hidden = !isOwn;
    handOver.hidden = !isOwn || desk.colleagues().length === 0;
    const near = desk.similarOf(talk);
    warning.hidden = !near;
    warning.replaceChildren(
      ...(near ? t.parts("talk.same_person", { mark: markSign(near.mark, t) }) : []),
    );
  }

  /** Until when an answer arrives; nothing where the client reads it on the page. */
  function wayNow() {
    const way = talk.way();
    if (way === undefined) {
      return "";
    }
    if (way?.isAlso) {
      const isPast = now() / 1000 >= way.until;
      const values = { channel: t.channel(way.channel), time: t.moment(way.until * 1000, now()) };
      return t(isPast ? "talk.page_only" : "talk.also_by", values);
    }
    return isOpen(way, now() / 1000)
      ? t("talk.reached_until", {
          channel: t.channel(way.channel),
          time: t.moment(way.until * 1000, now()),
        })
      : t("talk.not_reached");
  }

  /** When answers may come to the messenger that they go to. */
  function hoursNow() {
    const by = talk.way()?.channel;
    const way = conversation.ways().each.find(({ channel }) => channel === by);
    const hours = way && hoursOf(way);
    return hours ? t("talk.hours", { begin: hours[0], end: hours[1] }) : "";
  }

  function drawLines() {
    const numbered = numberedFindings(thread);
    const standing = ({ state, reason, again }) => `${state} ${reason} ${again}`;
    const outbox = [...talk.outbox.values()].map(standing).join() + JSON.stringify(conversation.ways());
    const page = [conversation.isPage, desk.pages.isMine(key), JSON.stringify(talk.page)];
    const wanted = [thread.last(), thread.lines.length, numbered.size, outbox, all, ...page].join();
    if (wanted === shown) {
      return;
    }
    const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
    shown = wanted;
    const from = all ? 0 : Math.max(0, thread.lines.length - RECENT);
    older.hidden = from === 0;
    older.textContent = t("talk.older", { count: from });
    const drawn = thread.lines.slice(from).map((line) => lineView(talk, line, numbered.get(line)));
    if (thread.repeats()) {
      drawn.push(el("li", { class: "line" }, el("p", { class: "meta" }, t("verify.repeat"))));
    }
    const hadFocus = lines.contains(document.activeElement);
    lines.replaceChildren(...drawn);
    if (hadFocus) {
      ([...lines.querySelectorAll(".page-word")].at(-1) ?? scroller).focus();
    }
    if (isAtEnd) {
      scroller.scrollTop = scroller.scrollHeight;
    }
  }

  function render() {
    drawHeader();
    drawLines();
    answer.render();
    attach.render();
  }

  return {
    key,
    element,
    render,
    tick: () => answer.render(),
    answer,
    focus: () => header.querySelector("h2").focus(),
    toEnd() {
      scroller.scrollTop = scroller.scrollHeight;
    },
  };
}

/** What stands in the middle when no conversation does. @param {...(Node | string)} children */
export const talkNotice = (...children) =>
  el("section", { class: "talk notice-only" }, ...children);
