// The client page's code: takes the forms over once it is sure that it can seal, and otherwise
// leaves the page as it is, which works without code. Nothing is stored anywhere: keys, phrase
// and text live in this page's memory and go with it.

import { NoAnswer, post } from "./api.js";
import { newDates } from "./dates.js";
import { watchIdle } from "./idle.js";
import { watchKeeping } from "./keeping.js";
import { watchLeaving } from "./leaving.js";
import { newMenu } from "./menu.js";
import {
  byId,
  coverState,
  newWords,
  showNotice,
  showProblem,
  showState,
  uncoverState,
} from "./screen.js";
import { digitsOf, wordsOf } from "../phrase/phrase.js";
import { readKeys } from "./trust.js";
import { watchWriting } from "./writing.js";

const WORDS_FILE = new URL("./words.js", import.meta.url).href;
const canSeal = () =>
  typeof BigInt === "function" &&
  typeof fetch === "function" &&
  typeof AbortController === "function" &&
  typeof crypto?.getRandomValues === "function";

/**
 * @param {object} config what the page came with
 * @param {Uint8Array} [fingerprint] of the roster that was known before, in another language
 */
function start(config, fingerprint) {
  const t = newWords(config.strings);
  let keys = readKeys(config, fingerprint);
  let loading = null;

  const words = () =>
    (loading ??= import(WORDS_FILE).then(
      (module) => module.WORDS,
      () => {
        loading = null;
        throw new NoAnswer();
      },
    ));

  /** What there is before anything is opened; closed to new people, it has no first message. */
  const first = config.takes_new ? "opening" : "closed";

  const page = {
    t,
    takesNew: config.takes_new,
    longest: config.longest,
    emergency: config.emergency,
    language: config.language,
    strings: config.strings,
    guided: config.guided,
    attachments: config.attachments,
    messengers: config.messengers,
    hoursZone: config.hours_zone,
    dates: newDates(config.days, t),
    minutes: config.minutes,
    keys: () => keys,
    way: {
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      async renew() {
        keys = readKeys(await post("/api/keys", {}), keys.roster.fingerprint);
        return keys;
      },
    },
    words,
    fetchWords: () => words().catch(() => undefined),

    /** The phrase where it must be shown at once: words, or digits while there are no words. */
    async phraseLines(phrase) {
      const lines = document.createElement("p");
      lines.dir = "ltr";
      lines.textContent = await words().then(
        (list) => wordsOf(phrase, list).join(" "),
        () => digitsOf(phrase).join(" "),
      );
      return lines;
    },

    /** The first message is stored: the phrase, then the conversation. */
    begin(conversation, answer, { phrase, danger, leftOut, rest }) {
      const { view, due, latest } = answer;
      const { roster } = keys;
      const opened = { conversation, phrase, view, due, latest, roster, state: "received" };
      const notice = [rest && t("c42.part_sent"), leftOut && t("c47.left_out")].filter(Boolean);
      keeping.start(phrase, notice.join(" "), danger, () =>
        later().then(
          ({ talking }) => {
            talking.start(opened);
            talking.enter(rest);
          },
          () => showTrouble(t("c44.no_connection")),
        ),
      );
      later().catch(() => undefined);
    },

    /** A phrase has opened its conversation. */
    async resume({ answer, ...opened }, kept) {
      const { talking } = await later();
      talking.start({ ...opened, view: answer.view, state: answer.state });
      talking.enter(kept);
    },

    async opensNothing(text) {
      const { comingBack } = await later();
      showState("opening");
      comingBack.keep(text);
    },
    toStart: () => showState(first, document.querySelector(`#${first} h1`)),
  };

  const keeping = watchKeeping(page);
  const parts = page.takesNew ? [watchWriting(page), keeping] : [keeping];
  let coming = null;

  /** The rest of the code, once; asked for again after a failure. */
  const later = () =>
    (coming ??= import("./later.js")
      .then(({ watchLater }) => watchLater(page))
      .then(
        (watched) => {
          parts.push(watched.comingBack, watched.talking, watched.asking);
          return watched;
        },
        (error) => {
          coming = null;
          throw error;
        },
      ));
  watchBack(page, later);
  const forget = () => parts.forEach((part) => part.forget());
  byId("continue").addEventListener("click", () => idle.wake());
  for (const element of document.querySelectorAll("[data-code]")) {
    element.hidden = element.dataset.code === "off";
  }
  return { page, first, later, forget, parts };
}

/** Coming back needs the rest of the code; while it is on its way, nothing typed is lost. */
function watchBack(page, later) {
  document.getElementById("return-form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    showState("opening");
    byId("back").open = true;
  });
  const form = byId("back-form");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { submitter } = event;
    try {
      const { comingBack } = await later();
      comingBack.submit(submitter);
    } catch {
      showProblem("back-problem", page.t("c44.no_connection"));
    }
  });
  // Not in every installation: only where people write from messengers.
  document.getElementById("ask-form")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      (await later()).asking.ask();
    } catch {
      showProblem("ask-problem", page.t("c44.no_connection"));
    }
  });
  byId("back").addEventListener("toggle", (event) => {
    if (event.target.open) {
      page.fetchWords();
      later().catch(() => undefined); // tried again when the form is sent
      byId("phrase-text").focus();
    } else if (!page.takesNew && document.body.dataset.state === "opening") {
      page.toStart(); // there is nothing else in that section
    }
  });
}

function showTrouble(text) {
  byId("trouble-text").textContent = text;
  showState("trouble", byId("trouble-title"));
}

/** Covers what is on the screen while nobody touches it, and clears it in the end. */
function onIdle(stage) {
  const { page, first, forget } = running;
  if (stage === "covered" || stage === "warned") {
    showNotice("cover-warning", stage === "warned" ? page.t("c39.cover_warning") : "");
    coverState();
  } else if (stage === "cleared") {
    forget();
    uncoverState(first);
    if (page.takesNew) {
      byId("write").open = true;
      showProblem("write-problem", page.t("c39.cleared", { period: page.minutes }));
    }
  } else {
    uncoverState();
  }
}

/** What runs now: the page in one language. */
let running = null;
let idle = null;
const menu = newMenu(() => running, run, readKeys);

function run(config, fingerprint) {
  running = start(config, fingerprint);
  idle ??= watchIdle(onIdle);
  menu.watch();
  return running;
}

const raw = document.getElementById("config")?.textContent;
const config = raw ? JSON.parse(raw) : null;
watchLeaving(document.getElementById("leave").href, () => running?.forget());
if (config?.open && canSeal()) {
  try {
    run(config);
  } catch {
    // The keys do not hold together. Neither code nor form may take a text then.
    const sentence = config.strings["s05.page_unproven"];
    for (const id of ["write-form", "back-form"]) {
      document.getElementById(id)?.replaceChildren(sentence);
    }
  }
}
