// The field for files under an answer. Like the composer it belongs to one conversation from the
// moment it is drawn, and names it on its button.

import { NotSendable, prepare } from "../attached/carry.js";
import { NoAnswer } from "./api.js";
import { el, newProblem, whileBusy } from "./dom.js";
import { markLabel, markSign } from "./signs.js";

const KINDS = "image/*,audio/*,video/mp4,application/pdf";
const REFUSED = { no_room: "attach.no_room", not_offered: "attach.not_offered" };

/**
 * @param {object} session @param {object} desk @param {object} talk of desk.open
 * @returns {{element: HTMLElement, render: () => void}}
 */
export function newAttachView({ t, rows }, desk, talk) {
  const { key, mark } = talk.conversation;
  const problem = newProblem();
  const state = el("p", { class: "meta", role: "status" });
  const input = el("input", { type: "file", multiple: true, accept: KINDS, id: `files-${key}` });
  const send = el(
    "button",
    { "aria-label": t("attach.send", { mark: markLabel(mark, t) }) },
    t.parts("attach.send", { mark: markSign(mark, t) }),
  );
  const form = el(
    "form",
    { "data-conversation": key, onsubmit: submitted },
    el("p", { class: "hint" }, t("attach.what")),
    problem.place,
    el("label", { for: input.id }, t("attach.choose")),
    input,
    state,
    send,
  );
  const element = el("details", { class: "attach" }, el("summary", {}, t("attach.title")), form);

  function submitted(event) {
    event.preventDefault();
    whileBusy(send, t("answer.sending"), sendChosen);
  }

  async function sendChosen() {
    problem.clear();
    if (!input.files.length) {
      problem.tell(t("attach.none"));
      return;
    }
    try {
      state.textContent = t("attach.preparing");
      const prepared = await prepare([...input.files]);
      await desk.sendAttachments(key, prepared, (share) => {
        state.textContent = t("attach.progress", { percent: Math.round(100 * share) });
      });
      input.value = "";
      element.open = false;
    } catch (error) {
      problem.tell(t(problemOf(error)));
    } finally {
      state.textContent = "";
    }
  }

  function problemOf(error) {
    if (error instanceof NotSendable) {
      return `attach.${error.why}`;
    }
    return error instanceof NoAnswer ? "attach.unknown" : (REFUSED[error.code] ?? "attach.not_sent");
  }

  return {
    element,
    render() {
      element.hidden = rows.get(key)?.holder !== desk.own || !desk.canAttach(key);
    },
  };
}
