// How each messenger is: a line on top where something must be known, and a sheet for who asks.
// Nothing here concerns a client; ages come rounded.

import { button, el } from "./dom.js";
import { roundedWait } from "./order.js";
import { sheet } from "./sheet.js";

const NEVER = "–";
const URGENT = ["late", "not_started"];
const MINUTE = 60;
const TELLS_WHAT_IS_LEFT = ["signal", "matrix", "deltachat"];

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

/** @param {Function} t @param {{known: boolean, channels: object[]} | null} answer @returns {HTMLElement} */
export function channelCards(t, answer) {
  if (!answer?.known) {
    return el("p", {}, t("channels.unknown"));
  }
  if (answer.channels.length === 0) {
    return el("p", {}, t("channels.none"));
  }
  return el("ul", { class: "channels" }, answer.channels.map((one) => card(t, one)));
}

function card(t, one) {
  const { name, standing, last_in: heard, last_out: said, limited, kept, queue, gap, watched } = one;
  const { leaving } = one;
  const more = [
    limited ? t("channels.limited_for", { wait: age(t, limited) }) : "",
    gap ? t("channels.gap") : "",
    kept ? t("channels.kept", { count: kept }) : "",
    watched ? t("channels.watched") : "",
    one.attachments === false ? t("channels.no_files") : "",
    leaving ? t("channels.leaving", { count: leaving }) : "",
  ].filter(Boolean);
  const facts = [
    ["last_in", age(t, heard)],
    ["last_out", age(t, said)],
    ["queue", String(queue)],
  ];
  return el(
    "li",
    { "data-channel": name, "data-standing": standing },
    el("h3", {}, el("bdi", {}, t.channel(name)), ": ", el("span", {}, t(`channels.standing_${standing}`))),
    more.map((text) => el("p", {}, text)),
    el(
      "dl",
      {},
      facts.map(([fact, value]) => el("div", {}, el("dt", {}, t(`channels.${fact}`)), el("dd", {}, value))),
    ),
    TELLS_WHAT_IS_LEFT.includes(name) ? el("p", { class: "meta" }, t(`channels.left_${name}`)) : "",
  );
}

/**
 * Looked at again and again by whoever shows it.
 * @param {object} session t, api
 * @param {(told: {text: string, isUrgent: boolean, any: boolean}) => void} onKnown
 */
export function newChannelsView({ t, api }, onKnown) {
  const cards = el("div", {}, el("p", { role: "status" }, t("talk.loading")));
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
        cards.replaceChildren(channelCards(t, answer));
        onKnown({ ...channelTroubles(t, answer), any: !answer.known || answer.channels.length > 0 });
      }
    },

    /** Opens the sheet. */
    show() {
      const shut = button(t("keys.shut"), () => dialog.close());
      const about = el("p", { class: "meta" }, t("channels.about"));
      const dialog = sheet(t("channels.title"), cards, about, shut);
    },
  };
}
