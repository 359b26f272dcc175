// The right: what the rules found and why, the urgency, and notes for the team. Notes have their
// own field, their own button and their own way to the server; nothing of an answer passes here.

import { button, el, newProblem, whileBusy } from "./dom.js";
import { markSign, urgencyWord } from "./signs.js";
import { newSignsView } from "./signs_view.js";
import { isEmpty, tooLongBy } from "./text.js";

/** @param {object} session @param {object} desk @param {object} talk @param {object} given */
export function newSideView(session, desk, talk, { onBack, onSupervisor, say }) {
  const { t, rows, now } = session;
  const { conversation } = talk;
  const { key, thread } = conversation;
  let drawn = "";

  const version = el("span", { class: "meta" });
  const signs = newSignsView(session, desk, talk, { say, onSupervisor });
  const problem = newProblem();
  const choice = el(
    "select",
    { id: `urgency-${key}` },
    [3, 2, 1, 0].map((urgency) =>
      el("option", { value: String(urgency) }, urgencyWord(urgency, t)),
    ),
  );
  const set = button(t("urgency.set"), () => whileBusy(set, t("urgency.set"), setUrgency));
  const noteList = el("ol", { class: "note-list" });
  const note = el("textarea", {
    rows: 3,
    dir: "auto",
    id: `note-${key}`,
    oninput: () => {
      talk.noteText = note.value;
    },
  });
  note.value = talk.noteText;
  const save = button(t("notes.save"), () => whileBusy(save, t("notes.save"), saveNote));
  const element = el(
    "aside",
    { class: "side", "data-conversation": key, "aria-label": t("findings.title") },
    el(
      "header",
      { class: "side-head" },
      button("‹", onBack, "back", { "aria-label": t("desk.back") }),
      el("span", { class: "side-mark" }, markSign(conversation.mark, t)),
      el("h2", {}, t("findings.title")),
      version,
    ),
    el("p", { class: "decide" }, t("findings.decide")),
    signs.element,
    problem.place,
    el(
      "p",
      { class: "urgency-set" },
      el("label", { for: choice.id }, t("urgency.label")),
      choice,
      set,
    ),
    el(
      "div",
      { class: "notes" },
      el("h2", {}, t("notes.title")),
      noteList,
      el("label", { for: note.id, class: "visually-hidden" }, t("notes.write")),
      note,
      save,
    ),
  );

  async function setUrgency() {
    problem.clear();
    const urgency = Number(choice.value);
    try {
      await desk.setUrgency(key, urgency);
      say(t("urgency.set_done", { digit: urgency, word: t(`urgency.word_${urgency}`) }));
    } catch {
      problem.tell(t("trouble.not_done"));
    }
  }

  async function saveNote() {
    const text = note.value;
    problem.clear();
    if (isEmpty(text)) {
      return;
    }
    const over = tooLongBy(text, desk.member.name);
    if (over) {
      problem.tell(t("answer.too_long", { count: over }));
      return;
    }
    try {
      await desk.addNote(key, text);
      note.value = "";
      talk.noteText = "";
      say(t("notes.saved"));
    } catch {
      problem.tell(t("notes.not_saved"));
    }
  }

  function drawNotes() {
    noteList.replaceChildren(
      ...thread.notes.map(({ text, name, timeMs, verified }) =>
        el(
          "li",
          {},
          el("p", { class: "meta" }, t("notes.by", { name, time: t.moment(timeMs, now()) })),
          !verified && el("p", { class: "warning" }, t("verify.team_unverified")),
          verified && el("p", { class: "said", dir: "auto" }, text),
        ),
      ),
    );
  }

  function render() {
    const row = rows.get(key);
    const wanted = [thread.last(), row?.urgency, row?.urgency_by, rows.screening()].join();
    if (wanted === drawn) {
      return;
    }
    drawn = wanted;
    if (row && document.activeElement !== choice) {
      choice.value = String(row.urgency);
    }
    const rules = signs.render();
    version.textContent = rules ? t("findings.rules", { version: `\u2068${rules}\u2069` }) : "";
    drawNotes();
  }

  render();
  return {
    element,
    render,
    focusNote: () => note.focus(),
    focusUrgency: () => choice.focus(),
  };
}
