// The line on top: who is here, how many wait, lock and colours. Below it whatever must be said.

import { button, el } from "./dom.js";
import { coloursNow, switchColours } from "./colours.js";
import { oldestWaits, roundedWait } from "./order.js";

/** @param {object} session @param {object} desk @param {object} given onLock, onSignOut, onKeys, onTeam,
 *   onChannels, onOffice (for admins) */
export function newHeaderView(
  { t, rows, now, kept, trouble },
  desk,
  { onLock, onSignOut, onKeys, onTeam, onChannels, onOffice = null },
) {
  const waiting = el("span", { class: "waiting" });
  const colours = button("", () => {
    switchColours(kept);
    drawColours();
  });
  const channels = button(t("channels.title"), onChannels, "", { hidden: true });
  const bar = el(
    "header",
    { class: "bar" },
    el("h1", {}, t("desk.title")),
    el("bdi", { class: "me" }, t("desk.you", { name: desk.member.name })),
    waiting,
    el(
      "span",
      { class: "bar-buttons" },
      onOffice && button(t("office.title"), onOffice),
      button(t("team.title"), onTeam),
      channels,
      button(t("keys.title"), onKeys, "", { "aria-keyshortcuts": "?" }),
      colours,
      button(t("header.lock"), onLock),
      button(t("signin.sign_out"), onSignOut),
    ),
  );
  const banner = el("p", { class: "banner", role: "status", hidden: true });
  const soon = el("p", { class: "banner", role: "alert", hidden: true });
  const held = el("p", { class: "banner held", role: "status", hidden: true });
  const progress = el("p", { class: "banner", role: "status", hidden: true });
  const late = el("p", { class: "banner late", role: "status", hidden: true });
  const missing = el("p", { class: "banner", role: "status", hidden: true });
  const said = el("p", { class: "said-once", role: "status" });
  let quiet = null;

  const drawColours = () => {
    colours.textContent = t(coloursNow(kept) === "dark" ? "header.light_mode" : "header.dark");
  };

  function render() {
    const all = rows.waiting();
    const waits = oldestWaits(all, now() / 1000).map(({ waited }) => waited);
    waiting.textContent = waits.length
      ? t("header.waiting", { count: all.length, wait: t.wait(roundedWait(Math.max(...waits))) })
      : t("header.waiting_none");
    const since = trouble.since();
    banner.hidden = since === null;
    banner.textContent = since === null ? "" : t("trouble.offline", { time: t.clock(since) });
  }

  drawColours();
  render();
  const stops = [rows.watch(render), trouble.watch(render)];
  return {
    elements: [bar, banner, late, missing, soon, held, progress, said],
    render,

    /** Says something once, for a while. */
    say(text) {
      said.textContent = text;
      clearTimeout(quiet);
      quiet = setTimeout(() => said.replaceChildren(), 60_000);
    },

    /** @param {boolean} is whether the desk locks in a minute */
    warn(is) {
      if (soon.hidden === is) {
        soon.hidden = !is;
        soon.textContent = is ? t("lock.soon", { minutes: 1 }) : "";
      }
    },

    /** @param {string} text of what goes on in the background; "" when it is over */
    showProgress(text) {
      progress.hidden = text === "";
      progress.textContent = text;
    },

    /** @param {string} text of what is too old and must be seen to; "" where nothing is */
    showLate(text) {
      if (late.textContent !== text) {
        late.hidden = text === "";
        late.textContent = text;
      }
    },

    /** @param {{text: string, isUrgent: boolean, any: boolean}} told of the messengers */
    showChannels({ text, isUrgent, any }) {
      channels.hidden = !any;
      missing.hidden = text === "";
      missing.textContent = text;
      missing.classList.toggle("late", isUrgent);
    },

    /** An answer that is held while another conversation is on the screen. */
    showHeld(children) {
      held.hidden = children.length === 0;
      held.replaceChildren(...children);
    },

    end() {
      clearTimeout(quiet);
      stops.forEach((stop) => stop());
    },
  };
}
