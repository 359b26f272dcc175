// How each messenger is: a line on top where something must be known, and a table for who asks.
// Nothing here concerns a client; ages come rounded.

import { button, el } from "./dom.js";
import { roundedWait } from "./order.js";
import { sheet } from "./sheet.js";

const NEVER = "–";
const URGENT = ["late", "not_started"];
const MINUTE = 60;

/**
 * What is said on top of the desk: one sentence for each messenger that is not well, and one where
 * messages may be missing. `isUrgent`: somebody must look at it now.
 * @param {Function} t @param {{known: boolean, channels: object[]} | null} answer null: not asked yet
 * @returns {{text: string, isUrgent: boolean}}
 */
export function channelTroubles(t, answer) {
  if (answer === null) {
    return { text: "", isUrgent: false };
  }
  if (!answer.known) {
    return { text: t("channels.unknown"), isUrgent: false };
  }
  const said = answer.channels.flatMap(({ name, standing, gap }) => [
    ...(standing === "well" || standing === "limited"
      ? []
      : [t(`channels.trouble_${standing}`, { channel: t.channel(name) })]),
    ...(gap ? [t("channels.trouble_gap", { channel: t.channel(name) })] : []),
  ]);
  const isUrgent = answer.channels.some(({ standing }) => URGENT.includes(standing));
  return { text: said.join(" "), isUrgent };
}

/** @returns {string} how long ago, from rounded minutes; a dash: not since the last start */
const age = (t, minutes) => (minutes === null ? NEVER : t.wait(roundedWait(minutes * MINUTE)));

/** @param {Function} t @param {{known: boolean, channels: object[]} | null} answer */
export function channelTable(t, answer) {
  const heads = ["name", "standing", "last_in", "last_out", "queue"];
  const row = (one) => {
    const { name, standing, last_in: heard, last_out: said, limited, kept, queue, gap, watched } = one;
    const more = [
      limited ? t("channels.limited_for", { wait: age(t, limited) }) : "",
      gap ? t("channels.gap") : "",
      kept ? t("channels.kept", { count: kept }) : "",
      watched ? t("channels.watched") : "",
    ].filter(Boolean);
    return el(
      "tr",
      { "data-channel": name, "data-standing": standing },
      el("th", { scope: "row" }, el("bdi", {}, t.channel(name))),
      el(
        "td",
        {},
        el("strong", {}, t(`channels.standing_${standing}`)),
        more.map((text) => el("p", { class: "meta" }, text)),
      ),
      el("td", {}, age(t, heard)),
      el("td", {}, age(t, said)),
      el("td", {}, String(queue)),
    );
  };
  if (!answer?.known) {
    return el("p", {}, t("channels.unknown"));
  }
  if (answer.channels.length === 0) {
    return el("p", {}, t("channels.none"));
  }
  return el(
    "div",
    { class: "scrolled", tabindex: "0", role: "group", "aria-label": t("channels.title") },
    el(
      "table",
      { class: "channels" },
      el("thead", {}, el("tr", {}, heads.map((one) => el("th", { scope: "col" }, t(`channels.head_${one}`))))),
      el("tbody", {}, answer.channels.map(row)),
    ),
  );
}

/**
 * Looked at again and again by whoever shows it.
 * @param {object} session t, api
 * @param {(told: {text: string, isUrgent: boolean, any: boolean}) => void} onKnown
 */
export function newChannelsView({ t, api }, onKnown) {
  const table = el("div", {}, el("p", { role: "status" }, t("talk.loading")));
  let drawn = "";
  return {
    /** Asks; a desk that does not answer says so elsewhere. */
    async look() {
      let answer;
      try {
        answer = await api.post("/api/channels", {});
      } catch {
        return;
      }
      const told = JSON.stringify(answer);
      if (told !== drawn) {
        drawn = told;
        table.replaceChildren(channelTable(t, answer));
        onKnown({ ...channelTroubles(t, answer), any: !answer.known || answer.channels.length > 0 });
      }
    },

    /** Opens the table. */
    show() {
      const shut = button(t("keys.shut"), () => dialog.close());
      const about = el("p", { class: "meta" }, t("channels.about"));
      const dialog = sheet(t("channels.title"), table, about, shut);
      dialog.classList.add("wide");
    },
  };
}
