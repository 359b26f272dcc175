// "Write to yourself": the client page beside the desk, step by step, with somebody's own hands. It
// ends with a copy that no longer opens.

import { randomBytes } from "../envelope/bytes.js";
import { button, el, newProblem, whileBusy } from "./dom.js";
import { markOf } from "./mark.js";
import { STEPS, stepOf } from "./story_steps.js";
import { takeCopy } from "./story_copy.js";

const AGAIN_MS = 700;

/** A word that nobody else writes by chance: that of a mark that belongs to no conversation. */
const newWord = () => {
  const { word, number } = markOf(randomBytes(16));
  return `${word} ${number}`;
};

/**
 * @param {object} session t, api, rows @param {object} desk of newDesk
 * @param {object} given
 * @param {string} given.clientUrl @param {() => Promise<void>} given.onDone the story was told to its end
 * @param {() => void} given.onShut
 */
export function newStoryView({ t, api, rows }, desk, { clientUrl, onDone, onShut }) {
  const word = newWord();
  const before = new Set([...rows.all()].map((row) => row.conversation));
  const happened = { arrived: false, taken: false, answered: false, copied: false, read: false, locked: false };
  /** The conversation with the word in it, and the copy of it. */
  let own = null;
  let copy = null;
  let drawn = "";
  let isBusy = false;
  let isOver = false;
  const heading = el("h2", { tabindex: "-1" });
  const text = el("div", { class: "story-text", role: "status" });
  const problem = newProblem();
  const shut = button(t("story.stop"), () => end());
  const element = el(
    "aside",
    { class: "story", "aria-label": t("story.title") },
    heading,
    text,
    problem.place,
    el("p", { class: "choices" }, shut),
  );

  const talkWithWord = () =>
    desk.talks().find(({ conversation }) =>
      conversation.thread.lines.some((line) => !line.ours && line.text.includes(word)),
    );

  function notice() {
    happened.arrived = [...rows.all()].some((row) => !before.has(row.conversation));
    const talk = own ? desk.of(own) : talkWithWord();
    if (!talk) {
      return;
    }
    own = talk.conversation.key;
    happened.taken = rows.get(own)?.holder === desk.own;
    happened.answered = talk.conversation.thread.lines.some((line) => line.ours && line.verified);
  }

  /** A copy as soon as there is an answer in it, and another look at it once the rows are gone. */
  async function tryCopy() {
    if (happened.answered && !happened.copied) {
      copy = await takeCopy(api, desk.member, own);
      happened.copied = (await copy.open())?.some((line) => line.includes(word)) ?? false;
    } else if (happened.copied && !happened.locked && !rows.has(own)) {
      happened.locked = (await copy.open()) === null;
    }
  }

  async function look() {
    if (isBusy || isOver) {
      return;
    }
    isBusy = true;
    try {
      notice();
      await tryCopy();
      problem.clear();
    } catch {
      problem.tell(t("trouble.not_done"), false); // looked at again in a moment
    } finally {
      isBusy = false;
      draw();
    }
  }

  const link = () =>
    el("a", { href: clientUrl, target: "_blank", rel: "noopener noreferrer" }, t("story.open_page"));

  const words = {
    write: () => [
      el("p", {}, t("story.write")),
      el("p", {}, link()),
      el("p", {}, t.parts("story.write_word", { word: el("code", {}, word) })),
      el("p", { class: "hint" }, t("story.nothing_real")),
    ],
    take: () => [el("p", {}, t("story.take")), el("p", {}, t.parts("story.take_word", { word: el("code", {}, word) }))],
    answer: () => [el("p", {}, t("story.answer"))],
    read: () => [
      el("p", {}, t("story.copied", { count: copy.size })),
      el("p", {}, t("story.read")),
      el("p", { class: "choices" }, button(t("story.have_read"), haveRead, "main")),
    ],
    erase: () => [el("p", {}, t("story.erase"))],
    done: () => [
      el("p", { class: "notice" }, t("story.locked", { count: copy.size })),
      el("p", {}, t("story.every_backup")),
      el("p", { class: "choices" }, finish),
    ],
  };
  const finish = button(
    t("story.finish"),
    () =>
      whileBusy(finish, t("desk.wait"), async () => {
        try {
          await onDone();
          end();
        } catch {
          problem.tell(t("trouble.not_done"));
        }
      }),
    "main",
  );

  function haveRead() {
    happened.read = true;
    draw();
  }

  function draw() {
    const step = stepOf(happened);
    if (step === drawn || isOver) {
      return;
    }
    drawn = step;
    element.dataset.step = step;
    heading.textContent = t("story.step", { number: STEPS.indexOf(step) + 1, count: STEPS.length, name: t(`story.name_${step}`) });
    text.replaceChildren(...words[step]());
    shut.hidden = step === "done";
  }

  const stop = rows.watch(look);
  const timer = setInterval(look, AGAIN_MS);
  draw();

  function end() {
    if (!isOver) {
      isOver = true;
      stop();
      clearInterval(timer);
      copy = null;
      element.remove();
      onShut();
    }
  }

  return { element, end, focus: () => heading.focus() };
}
