// The list on the left: who waits, and who is one's own. It holds still while somebody is in it;
// only a window of rows stands in the document.

import { button, el } from "./dom.js";
import { BAND, newHeldList, windowOf } from "./held_list.js";
import { oldestWaits, roundedWait } from "./order.js";
import { newRowView } from "./row_view.js";
import { urgencyWord } from "./signs.js";

const PAGE = 8;
const LATER_MS = 1_000;

/**
 * @param {object} session @param {object} desk
 * @param {object} given
 * @param {(id: string) => void} given.onOpen @param {() => string | null} given.openId
 */
export function newQueueView({ t, rows, now }, desk, { onOpen, openId, onTakeNext }) {
  const rowView = newRowView({ t, rows, now }, desk);
  const held = { queue: newHeldList(), mine: newHeldList() };
  let tab = "queue";
  let active = null;
  let ids = [];
  let band = [];
  let fresh = [];
  /** @type {Map<string, object>} standings by id */
  let places = new Map();

  const tabs = {
    queue: button("", () => choose("queue"), "tab"),
    mine: button("", () => choose("mine"), "tab"),
  };
  const filter = el("input", {
    type: "search",
    autocomplete: "off",
    oninput: render,
    placeholder: `/ ${t("queue.filter")}`,
    "aria-label": t("queue.filter"),
  });
  const oldest = el("p", { class: "oldest meta" });
  const off = el("p", { class: "oldest meta", hidden: true }, t("findings.off"));
  const bandRows = el("div", { class: "band", role: "group", "aria-label": t("queue.reserved") });
  // Words stand beside the list of choices and not in it: a screen reader passes them over there.
  const nobody = el("p", { class: "band band-empty meta", hidden: true }, t("queue.band_empty"));
  const spacer = el("div", { class: "rows" });
  const empty = el("div", { class: "empty", hidden: true });
  const scroller = el("div", { class: "scroller", onscroll: () => draw() }, spacer);
  const list = el("div", { class: "list", role: "listbox", tabindex: 0 }, bandRows, scroller);
  const more = button("", showFresh, "more", { hidden: true });
  const element = el(
    "section",
    { class: "queue", "aria-label": t("queue.list_label") },
    el("div", { class: "tabs" }, tabs.queue, tabs.mine, filter),
    oldest,
    off,
    nobody,
    empty,
    list,
    more,
  );

  const touch = (is) => () => {
    held.queue.touched(is, now());
    held.mine.touched(is, now());
  };
  list.addEventListener("pointerenter", touch(true));
  list.addEventListener("pointerleave", () => {
    touch(list.contains(document.activeElement))();
  });
  list.addEventListener("focusin", () => {
    touch(true)();
    active ??= everything()[0] ?? null;
    draw();
  });
  list.addEventListener("focusout", () => touch(list.matches(":hover"))());
  list.addEventListener("click", (event) => {
    const id = event.target.closest("[data-id]")?.dataset.id;
    if (id && rows.has(id)) {
      active = id;
      draw();
      onOpen(id);
    }
  });

  const everything = () => [...band, ...ids];

  function choose(which) {
    tab = which;
    active = null;
    filter.value = "";
    scroller.scrollTop = 0;
    render();
  }

  /** Standings in the wanted order, the band's first. */
  function wanted() {
    const seconds = now() / 1000;
    const sought = filter.value.trim().toLowerCase();
    if (sought) {
      return rowView.sought(sought, seconds);
    }
    return tab === "mine" ? rows.mine(desk.own, seconds) : rows.queue(desk.own, seconds);
  }

  function render(move = false) {
    const all = wanted();
    places = new Map(all.map((place) => [place.row.conversation, place]));
    const isQueue = tab === "queue" && !filter.value.trim();
    const danger = ({ row }) => row.urgency === 3 && row.holder === null;
    band = isQueue
      ? all
          .filter(danger)
          .slice(0, BAND)
          .map(({ row }) => row.conversation)
      : [];
    const rest = all.map(({ row }) => row.conversation).filter((id) => !band.includes(id));
    const mayMove = move === true || Boolean(filter.value.trim()) || held[tab].mayMove(now());
    const arranged = held[tab].arrange(rest, mayMove);
    ids = arranged.ids.filter((id) => !band.includes(id));
    fresh = arranged.fresh;
    if (active !== null && !everything().includes(active)) {
      active = null;
    }
    drawHead(isQueue);
    draw();
  }

  function drawHead(isQueue) {
    const seconds = now() / 1000;
    const counts = {
      queue: rows.count(desk.own),
      mine: rows.mine(desk.own, seconds).length,
    };
    for (const which of ["queue", "mine"]) {
      const label = which === "queue" ? "queue.title" : "queue.mine";
      tabs[which].textContent = t(label, { count: counts[which] });
      tabs[which].setAttribute("aria-pressed", String(tab === which));
    }
    list.setAttribute("aria-label", t(tab === "mine" ? "queue.mine_label" : "queue.list_label"));
    const waits = oldestWaits(rows.waiting(), seconds).map(({ urgency, waited }) =>
      t("queue.oldest_one", {
        urgency: t(`urgency.word_${urgency}`),
        wait: t.wait(roundedWait(waited)),
      }),
    );
    oldest.textContent = waits.length ? t("queue.oldest", { waits: t.list(waits) }) : "";
    off.hidden = rows.screening() !== "off";
    more.hidden = fresh.length === 0;
    more.textContent = t("queue.new_below", { count: fresh.length });
    bandRows.hidden = band.length === 0;
    nobody.hidden = !isQueue || band.length > 0;
    list.setAttribute("role", everything().length ? "listbox" : "group");
    drawEmpty();
  }

  function drawEmpty() {
    const isEmpty = everything().length === 0;
    empty.hidden = !isEmpty;
    if (isEmpty && filter.value.trim()) {
      const clear = button(t("queue.filter_clear"), () => choose(tab));
      empty.replaceChildren(el("p", {}, t("queue.filter_none")), clear);
    } else if (isEmpty && tab === "mine") {
      empty.replaceChildren(
        el("p", {}, t("queue.empty_mine")),
        button(t("queue.take_next"), onTakeNext),
      );
    } else if (isEmpty) {
      empty.replaceChildren(el("p", {}, t("queue.empty_plain")));
    }
  }

  /** Puts children in place, leaving alone what stands there already. */
  function place(parent, children) {
    children.forEach((child, i) => {
      if (parent.children[i] !== child) {
        parent.insertBefore(child, parent.children[i] ?? null);
      }
    });
    while (parent.children.length > children.length) {
      parent.lastChild.remove();
    }
  }

  function draw() {
    const height = rowView.height();
    const total = everything().length;
    const option = (id, i) =>
      rowView.option(id, places.get(id), {
        position: i + 1,
        total,
        isActive: id === active,
        isOpen: id === openId(),
      });
    place(bandRows, band.map(option));
    const { first, last } = windowOf(scroller.scrollTop, scroller.clientHeight, height, ids.length);
    spacer.style.blockSize = `${ids.length * height}px`;
    spacer.style.paddingBlockStart = `${first * height}px`;
    place(
      spacer,
      ids.slice(first, last).map((id, i) => option(id, band.length + first + i)),
    );
    if (active === null) {
      list.removeAttribute("aria-activedescendant");
    } else {
      list.setAttribute("aria-activedescendant", `row-${active}`);
    }
  }

  function showFresh() {
    render(true);
    scroller.scrollTop = 0;
    draw();
  }

  /** Moves the active row, and scrolls so that it is seen. */
  function move(by) {
    const all = everything();
    const at = all.indexOf(active);
    const to = Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by));
    active = all[to] ?? null;
    const height = rowView.height();
    const top = (to - band.length) * height;
    if (to >= band.length) {
      const isBelow = top + height > scroller.scrollTop + scroller.clientHeight;
      const wish = isBelow ? top + height - scroller.clientHeight : top;
      if (isBelow || top < scroller.scrollTop) {
        scroller.scrollTop = wish;
      }
    }
    draw();
  }

  const stop = rows.watch(() => render());
  const timer = setInterval(() => render(), LATER_MS);

  return {
    element,
    render,
    choose,
    focus: () => list.focus(),
    focusFilter: () => filter.focus(),
    active: () => active,
    tab: () => tab,
    isFocused: () => list.contains(document.activeElement),
    act: {
      down: () => move(1),
      up: () => move(-1),
      page_down: () => move(PAGE),
      page_up: () => move(-PAGE),
      first: () => move(-Infinity),
      last: () => move(Infinity),
    },
    /** The next who waits and is free; what is new is shown first. */
    next() {
      choose("queue");
      showFresh();
      const free = everything().find((id) => rows.get(id)?.holder === null);
      active = free ?? null;
      list.focus();
      draw();
      return active;
    },
    urgencyWord: (urgency) => urgencyWord(urgency, t),
    end() {
      clearInterval(timer);
      stop();
    },
  };
}
