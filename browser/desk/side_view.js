// The right: what the rules found and why, the urgency, and notes for the team. Notes have their
// own field, their own button and their own way to the server; nothing of an answer passes here.

import { answerQuote } from "./answers_view.js";
import { button, el, newProblem, whileBusy } from "./dom.js";
import { sourceOf } from "./findings.js";
import { numberedFindings } from "./line_view.js";
import { markSign, urgencyWord } from "./signs.js";
import { quoteOf } from "./spans.js";
import { isEmpty, tooLongBy } from "./text.js";

const WEIGHTS = { weak: "low", medium: "medium", strong: "high" };
const UNREAD = { no_text: "findings.not_screened", language: "findings.language_unknown" };

/** @param {object} session @param {object} desk @param {object} talk @param {object} given */
export function newSideView({ t, rows, now }, desk, talk, { onBack, say }) {
  const { conversation } = talk;
  const { key, thread } = conversation;
  let drawn = "";

  const version = el("span", { class: "meta" });
  const found = el("div", { class: "found" });
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
    found,
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

  const signs = (count) =>
    count === 1 ? t("findings.sign_one") : t("findings.sign_count", { count });

  function signItem(finding, line, number) {
    const quote = quoteOf(line.text, finding);
    const parts = {
      sign: t.sign(finding.category),
      quote: el("bdi", {}, line.isAnswers ? answerQuote(quote, t) : quote),
      source: sourceOf(finding),
      weight: t(`findings.weight_${WEIGHTS[finding.strength]}`),
    };
    return el(
      "li",
      { value: number },
      el("p", {}, t.parts("findings.sign", parts)),
      el("p", { class: "meta" }, finding.explanation),
    );
  }

  /** What the rules say about one message. */
  function about(line, { finding, first }) {
    if (!finding.verified || !finding.screening) {
      return [el("p", { class: "warning" }, t("findings.unverified"))];
    }
    const { screened, urgency, why, flags, findings, reason } = finding.screening;
    if (!screened) {
      return [el("p", {}, t(UNREAD[why] ?? "findings.not_screened"))];
    }
    const isPast = flags.includes("past");
    const head = findings.length
      ? t(isPast ? "findings.urgency_past" : "findings.urgency", {
          urgency: urgencyWord(urgency, t),
          signs: signs(findings.length),
        })
      : `${urgencyWord(urgency, t)}: ${reason}`;
    return [
      el("p", { class: "finding-head" }, head),
      findings.length > 0 &&
        el(
          "ol",
          {},
          findings.map((one, i) => signItem(one, line, first + i)),
        ),
      flags.includes("minor") && el("p", { class: "warning" }, t("findings.minor_plain")),
      flags.includes("third_party") && el("p", { class: "meta" }, t("findings.third_person")),
      findings.length === 0 &&
        urgency < 2 &&
        why !== "no_sign" &&
        el("p", { class: "meta" }, t("findings.none")),
    ].filter(Boolean);
  }

  /** The signed findings say more than the list: somebody may have left some away. */
  function difference(numbered) {
    const row = rows.get(key);
    const said = [...numbered.values()]
      .filter(({ finding }) => finding.verified && finding.screening)
      .map(({ finding }) => finding.screening.urgency);
    const highest = Math.max(-1, ...said);
    return row && row.urgency_by !== "hand" && highest > row.urgency
      ? el(
          "p",
          { class: "warning" },
          t("findings.differs", {
            said: urgencyWord(highest, t),
            shown: urgencyWord(row.urgency, t),
          }),
        )
      : null;
  }

  function drawFindings() {
    const numbered = numberedFindings(thread);
    const latest = thread.lastFromClient();
    const messages = thread.lines.filter((line) => line.kind === "message" && !line.ours).reverse();
    const parts = messages.flatMap((line) => {
      const one = numbered.get(line);
      const isWorthIt =
        one && (line === latest || !one.finding.verified || one.finding.screening?.findings.length);
      if (isWorthIt) {
        const time = el("h3", { class: "meta" }, t.moment(line.timeMs, now()));
        return [el("section", {}, time, about(line, one))];
      }
      return line === latest && rows.screening() === "on"
        ? [el("p", {}, t("findings.not_reached"))]
        : [];
    });
    const off = rows.screening() === "off" && el("p", {}, t("findings.off"));
    found.replaceChildren(...[off, difference(numbered), ...parts].filter(Boolean));
    const read = [...numbered].findLast(
      ([line, { finding }]) => !line.isAnswers && finding.screening?.version,
    );
    version.textContent = read
      ? t("findings.rules", { version: read[1].finding.screening.version })
      : "";
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
    drawFindings();
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
