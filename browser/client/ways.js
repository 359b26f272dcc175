// Messengers of the open conversation: a number with which a chat joins, hours in which answers
// come there, its end. What stands here is the keeper's word for this phrase, no row's.
//
// A file of its own, fetched by every page that is open to a conversation, so that the fetching
// says nothing; it makes its own part of the page, like guided.js.

import { fromUtf8, u32 } from "../envelope/bytes.js";
import { hoursOf, readWays } from "../envelope/ways.js";

// Verbs of docs/keeper.md, section 3.
const CLIENT_JOIN_CODE = 0x62;
const CLIENT_HOURS = 0x63;
const CLIENT_PART = 0x64;

const SIGNS = {
  "[voice]": "j11.voice",
  "[picture]": "j11.brought_picture",
  "[file]": "j11.brought_file",
  "[unreadable]": "j11.brought_unreadable",
  "[new keys]": "j11.new_keys",
  "[too large]": "j11.was_too_large",
  "[too many]": "j11.was_too_many",
  "[wrong kind]": "j11.was_wrong_kind",
  "[damaged]": "j11.was_damaged",
  "[gone]": "j11.was_gone",
  "[no room]": "j11.had_no_room",
  "[not encrypted]": "j11.was_not_encrypted",
  "[page off]": "j14.page_taken_back",
};
const HOURS = /^\[safe hours (off|\d\d:\d\d-\d\d:\d\d)\]$/;
const MOVED = /^\[(joined|left) ([a-z]+)\]$/;
const PAGE = /^\[page asks ([a-z]+) [A-Za-z0-9_-]{43}\]$/;
const ALONE = /^\[[a-z ]+\]( \[[a-z ]+\])*$/;

const u16 = (number) => u32(number).slice(2);

async function wordsFor(language) {
  const response = await fetch(`/static/ways-${language}.json`, {
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) {
    throw new Error("the words for messengers are not there");
  }
  return response.json();
}

function make(tag, text, more = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  return Object.assign(element, more);
}

/** @param {string} field "18:00" @returns {number} minutes of the day; NaN for anything else */
export function minuteOf(field) {
  const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)/.exec(field) ?? [];
  return Number(hour) * 60 + Number(minute);
}

/**
 * A text of the courier's in words: a sign becomes a sentence, anything else stays.
 * @param {string} text @param {Function} t @param {Record<string, string>} names of messengers
 */
export function signWords(text, t, names) {
  const [, hours] = HOURS.exec(text) ?? [];
  if (hours) {
    return hours === "off" ? t("j10.chat_hours_off") : t("j10.chat_hours", { hours });
  }
  const [, what, messenger] = MOVED.exec(text) ?? [];
  if (messenger in names) {
    return t(`j10.chat_${what}`, { messenger: names[messenger] });
  }
  const [, by] = PAGE.exec(text) ?? [];
  if (by in names) {
    return t("j14.page_asked", { messenger: names[by] });
  }
  const signs = ALONE.test(text) ? text.match(/\[[a-z ]+\]/g) : [];
  const isAllKnown = signs.length > 0 && signs.every((sign) => sign in SIGNS);
  return isAllKnown ? signs.map((sign) => t(SIGNS[sign])).join(" ") : text;
}

/**
 * @param {object} page
 * @param {object} talk `ask(verb, path, fields, signed)`: the fields of the keeper's answer;
 *   `learn(ways)` keeps what the keeper told; `tell(text)` says what went well, over the messages
 * @param {object} screens of screen.js: `byId`, `newWords`, `whileBusy`
 */
export async function watchWays(page, talk, { byId, newWords, whileBusy }) {
  const { strings, names } = await wordsFor(page.language);
  const t = newWords(strings);
  const city = page.hoursZone.split("/").pop().replaceAll("_", " ");
  let drawn = "";
  /** Counts the conversations that were left: what was asked in one is nothing in the next. */
  let left = 0;

  const part = make("details", "", { id: "ways" });
  const problem = make("p", "", { className: "problem", id: "ways-problem", hidden: true });
  problem.tabIndex = -1;
  problem.setAttribute("role", "alert");
  const list = make("div", "");
  const told = make("p", "", { hidden: true });
  told.setAttribute("role", "status");
  const code = make("bdi", "", { dir: "ltr", id: "join-code" });
  const codeLine = make("p", "", { className: "digits", hidden: true });
  codeLine.append(code);
  const show = button(t("j03.show_code"), () => act(show, makeCode));
  show.id = "show-code";
  part.append(
    make("summary", t("j01.way_title")),
    problem,
    list,
    make("p", t("j02.way_what")),
    make("p", t("j02.who_holds"), { className: "hint" }),
    show,
    told,
    codeLine,
  );
  byId("keeping").before(part);

  function button(text, onclick, more = "") {
    return make("button", text, { type: "button", className: `button ${more}`.trim(), onclick });
  }

  function fail(id) {
    problem.textContent = t(id);
    problem.hidden = false;
    problem.focus();
  }

  const act = (pressed, work) =>
    whileBusy(pressed, t("j03.making"), async () => {
      const mine = left;
      problem.hidden = true;
      try {
        await work();
      } catch {
        if (left === mine) {
          fail("j06.not_done");
        }
      }
    });

  /** @throws {Error} where the conversation was left meanwhile: the answer is not for the page */
  async function ask(...request) {
    const mine = left;
    const answer = await talk.ask(...request);
    if (left !== mine) {
      throw new Error("the conversation was left");
    }
    return answer;
  }

  async function makeCode() {
    const [made] = await ask(CLIENT_JOIN_CODE, "/api/code", {}, []);
    const digits = fromUtf8(made);
    told.textContent = t("j04.code");
    code.textContent = `/join ${digits.slice(0, 5)} ${digits.slice(5)}`;
    told.hidden = codeLine.hidden = false;
  }

  async function choose(number, begin, end) {
    const signed = [[number], u16(begin), u16(end)].map((one) => Uint8Array.from(one));
    const fields = { channel: number, begin, end };
    talk.learn(readWays((await ask(CLIENT_HOURS, "/api/hours", fields, signed))[0]));
  }

  async function end(way) {
    const signed = [Uint8Array.of(way.number)];
    const fields = { channel: way.number };
    talk.learn(readWays((await ask(CLIENT_PART, "/api/part", fields, signed))[0]));
    talk.tell(t("j08.ended", { messenger: names[way.channel] }));
  }

  function time(label, value) {
    const input = make("input", "", { type: "time", value });
    const whole = make("label", `${label} `);
    whole.append(input);
    return { input, whole };
  }

  function rowOf(way) {
    const hours = hoursOf(way);
    const values = {
      messenger: names[way.channel],
      date: page.dates.day(way.until),
      hours: hours?.join("-"),
    };
    const from = time(t("j06.begin"), hours?.[0] ?? "");
    const to = time(t("j06.way_end"), hours?.[1] ?? "");
    const times = make("p", "", { className: "times" });
    times.append(from.whole, " ", to.whole);
    const set = button(t("j06.way_choose"), () => {
      const [begin, last] = [minuteOf(from.input.value), minuteOf(to.input.value)];
      if (Number.isNaN(begin) || Number.isNaN(last) || begin === last) {
        return fail("j06.wrong");
      }
      return act(set, async () => {
        await choose(way.number, begin, last);
        const shown = hoursOf({ begin, end: last }).join("-");
        talk.tell(t("j07.hours_set", { hours: shown, zone: city }));
      });
    });
    const off = button(t("j06.anytime"), () =>
      act(off, async () => {
        await choose(way.number, 0, 0);
        talk.tell(t("j07.way_hours_off"));
      }),
    );
    const stop = button(t("j08.way_stop"), () => act(stop, () => end(way)), "plain");
    const row = make("section", "", { className: "joined" });
    row.append(
      make("h2", t(hours ? "j05.joined_hours" : "j05.way_joined", values)),
      make("p", t("j06.why", { zone: city }), { className: "hint" }),
      times,
      set,
      ...(hours ? [off] : []),
      make("p", t("j08.before_end"), { className: "hint" }),
      stop,
    );
    return row;
  }

  function hideCode() {
    told.hidden = codeLine.hidden = true;
    code.textContent = "";
  }

  return {
    rowText: (text) => signWords(text, t, names),
    youBy: (time) => t("j09.by_messenger", { time }),

    /** Drawn anew only where something is different: nothing typed is lost. */
    show(ways) {
      const wanted = JSON.stringify(ways);
      part.hidden = !page.messengers && !ways.each.length;
      if (wanted !== drawn) {
        if (drawn && ways.each.length) {
          hideCode(); // used by now
        }
        drawn = wanted;
        list.replaceChildren(...ways.each.map(rowOf));
      }
    },

    forget() {
      left += 1;
      drawn = "";
      hideCode();
      list.replaceChildren();
      problem.hidden = true;
      part.open = false;
    },
  };
}
