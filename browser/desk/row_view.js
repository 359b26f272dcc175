// One row of the list: what is in clear about somebody, and on rows that this member has opened
// also the chosen name.

import { fromBase64Url } from "../envelope/bytes.js";
import { el } from "./dom.js";
import { isNear, markOf, plainMark } from "./mark.js";
import { order, roundedWait, TAGS } from "./order.js";
import { markLabel, markSign, urgencySign, urgencyWord } from "./signs.js";

const TALL = 72;
const LOW = 56;
const PHONE = "(max-width: 48rem)";
const MOST_DRAWN = 500;

/** @param {object} session @param {object} desk */
export function newRowView({ t, rows, now }, desk) {
  const marks = new Map();
  const drawn = new Map();
  const began = now() / 1000;
  const narrow = matchMedia(PHONE);

  function mark(id) {
    if (!marks.has(id)) {
      marks.set(id, markOf(fromBase64Url(id)));
    }
    return marks.get(id);
  }

  const nameOf = (id) => desk.of(id)?.name ?? "";

  function holderWords({ holder, state }) {
    if (holder === null) {
      return state === "waiting" ? t("queue.nobody_yet") : "";
    }
    return holder === desk.own
      ? t("queue.holder_you")
      : t("queue.has_it", { name: rows.nameOf(holder) });
  }

  /** The mark of somebody open here who could be taken for this one. */
  function similar(id) {
    const open = desk
      .talks()
      .find(({ conversation }) => conversation.key !== id && isNear(conversation.mark, mark(id)));
    return open && plainMark(open.conversation.mark);
  }

  /** At most one tag, the first by rank. */
  function tagOf(place) {
    const id = place.row.conversation;
    const near = similar(id);
    const isFresh = place.row.waiting_since !== null && place.row.waiting_since + 60 > began;
    const isNew = isFresh && place.row.holder === null && !desk.of(id);
    const applies = new Set([...place.tags, near && "similar", isNew && "new"]);
    if (rows.screening() === "off") {
      applies.delete("not_screened"); // true of everybody, and said once above the list
    }
    const tag = TAGS.find((one) => applies.has(one));
    return tag && t(`tag.${tag}`, { mark: near ?? "" });
  }

  function reasonOf(place) {
    if (place.row.waiting_since === null) {
      return t("queue.answered");
    }
    const wait = t.wait(roundedWait(place.waited));
    const why =
      place.effective > place.row.urgency
        ? t("queue.raised", { wait })
        : t("queue.waits", { digit: place.row.urgency, wait });
    const how = { danger: "queue.says_danger", hand: "queue.set_by_unopened" }[
      place.row.urgency_by
    ];
    return how ? `${why} · ${t(how)}` : why;
  }

  function label(place, tag) {
    const { row } = place;
    const parts = {
      urgency: urgencyWord(row.urgency, t),
      wait: t.wait(roundedWait(place.waited)),
      mark: markLabel(mark(row.conversation), t),
      name: nameOf(row.conversation),
      language: t.language(row.language),
      channel: t.channel(row.channel),
      tag: tag ?? "",
    };
    const text = t("queue.row_label", parts).replace(/(, )+/g, ", ").replace(/, $/, "");
    return `${text}. ${holderWords(row)}. ${reasonOf(place)}`;
  }

  /** @returns {HTMLElement[]} what a row shows */
  function contents(at, tag) {
    const { row } = at;
    const id = row.conversation;
    const second = [nameOf(id), t.language(row.language), t.channel(row.channel), holderWords(row)];
    const wait = row.waiting_since === null ? "" : t.wait(roundedWait(at.waited));
    return [
      el(
        "div",
        { class: "first" },
        urgencySign(row.urgency, t),
        el("span", { class: "wait" }, wait),
        markSign(mark(id), t),
        tag && el("span", { class: "tag" }, tag),
      ),
      el(
        "div",
        { class: "second meta" },
        ...second.filter(Boolean).flatMap((part, i) => [i ? " · " : "", el("bdi", {}, part)]),
        el("span", { class: "reason" }, ` · ${reasonOf(at)}`),
      ),
    ];
  }

  function made(id) {
    if (!drawn.has(id)) {
      if (drawn.size >= MOST_DRAWN) {
        drawn.clear();
      }
      const element = el("div", { role: "option", id: `row-${id}`, "data-id": id });
      drawn.set(id, { element, shown: null });
    }
    return drawn.get(id);
  }

  /**
   * The element of a row. It stays the same while the row is on the screen, so that what is pressed
   * does not vanish under the finger.
   * @param {string} id @param {object | undefined} place its standing, if it is still wanted
   * @param {{position: number, total: number, isActive: boolean, isOpen: boolean}} where
   */
  function option(id, place, where) {
    const row = rows.get(id);
    const at = row && (place ?? order([row], now() / 1000)[0]);
    const tag = at && tagOf(at);
    const isTaken = row && row.holder !== null && row.holder !== desk.own;
    const aria = at ? label(at, tag) : t("queue.row_gone");
    const one = made(id);
    const attributes = {
      class: at ? `row edge-${row.urgency}${isTaken ? " taken" : ""}` : "row gone",
      "aria-label": aria,
      "aria-disabled": String(!at),
      "aria-posinset": String(where.position),
      "aria-setsize": String(where.total),
      "aria-selected": String(where.isActive),
      "aria-current": String(where.isOpen),
    };
    for (const [name, value] of Object.entries(attributes)) {
      if (one.element.getAttribute(name) !== value) {
        one.element.setAttribute(name, value);
      }
    }
    if (one.shown !== aria) {
      one.shown = aria;
      one.element.replaceChildren(...(at ? contents(at, tag) : []));
    }
    return one.element;
  }

  /** All conversations in which a text stands: mark, name, language, channel, holder. */
  function sought(text, seconds) {
    const fits = (row) =>
      [
        plainMark(mark(row.conversation)),
        nameOf(row.conversation),
        row.language,
        t.language(row.language),
        t.channel(row.channel),
        holderWords(row),
        t(`urgency.word_${row.urgency}`),
      ].some((part) => part.toLowerCase().includes(text));
    return order([...rows.all()].filter(fits), seconds);
  }

  return { option, sought, height: () => (narrow.matches ? TALL : LOW) };
}
