// Writing: the first message, and what every message has in common.

import { NoAnswer, Refusal } from "./api.js";
import { newContact, sendFirst } from "./contact.js";
import { deliver } from "./delivery.js";
import { byId, hideProblem, newButton, showProblem, whileBusy } from "./screen.js";
import { clean, cleanName, isEmpty, splitText, tooLongBy } from "./text.js";
import { sentenceFor } from "./troubles.js";

/**
 * What a field holds, ready to seal; or null, after the person was told why not.
 * @param {object} page @param {{field: string, problem: string, danger: string, empty: string}} ids
 */
export function readMessage(page, ids) {
  const field = byId(ids.field);
  const danger = byId(ids.danger).checked;
  const { text, leftOut } = clean(field.value);
  hideProblem(ids.problem);
  if (isEmpty(text)) {
    if (danger) {
      return { text: "", danger, leftOut };
    }
    showProblem(ids.problem, page.t(ids.empty));
    return null;
  }
  const over = tooLongBy(text, page.longest);
  if (over) {
    showProblem(ids.problem, page.t("c42.too_long", { count: over }));
    byId(ids.problem).append(newButton(page.t("c42.split"), () => splitField(page, ids, text)));
    return null;
  }
  return { text, danger, leftOut };
}

/** The first part stays in the field; the rest waits in a field below it. */
function splitField(page, ids, text) {
  const [first, rest] = splitText(text, page.longest);
  const field = byId(ids.field);
  field.value = first;
  hideProblem(ids.problem);
  let next = byId(`${ids.field}-next`);
  if (!next) {
    const label = document.createElement("label");
    label.htmlFor = `${ids.field}-next`;
    label.textContent = page.t("c42.next_part");
    next = field.cloneNode();
    next.id = label.htmlFor;
    next.removeAttribute("name");
    field.after(label, next);
  }
  next.value = rest;
  field.focus();
}

/** What waits in the field for the next part, taken out of it. */
export function takeNextPart(id) {
  const next = byId(`${id}-next`);
  const rest = next?.value ?? "";
  next?.previousElementSibling.remove();
  next?.remove();
  return rest;
}

const IDS = { field: "text", problem: "write-problem", danger: "danger", empty: "c40.empty" };

/** The first message: phrase and keys are made while the person writes. */
export function watchWriting(page) {
  let preparing = null;
  let sealed = null;
  const prepare = () => (preparing ??= newContact());

  byId("write").addEventListener("toggle", (event) => {
    if (event.target.open) {
      prepare();
      byId("text").focus();
    }
  });

  const lockFields = (locked) => {
    for (const id of ["text", "name"]) {
      byId(id).readOnly = locked;
    }
    byId("danger").disabled = locked;
  };

  /** The same message again is the same envelope again. */
  const seal = (contact, message, name) => {
    const isSame = (made) =>
      made.text === message.text && made.danger === message.danger && made.name === name;
    if (sealed && !isSame(sealed)) {
      contact.conversation.unwrite();
      sealed = null;
    }
    sealed ??= contact.conversation.write(message.text, name, message.danger);
    return sealed;
  };

  async function send() {
    const message = readMessage(page, IDS);
    if (!message) {
      return;
    }
    const contact = await prepare();
    const draft = seal(contact, message, cleanName(byId("name").value, page.longest.name));
    page.fetchWords();
    try {
      const answer = await deliver(
        { ...page.way, attempt: (keys) => sendFirst(contact, draft, keys) },
        page.keys(),
      );
      lockFields(false);
      arrived(contact, answer, message);
    } catch (error) {
      failed(contact, error);
    }
  }

  function arrived(contact, answer, { danger, leftOut }) {
    const rest = takeNextPart("text");
    clearWriting();
    preparing = null;
    sealed = null;
    page.begin(contact.conversation, answer, { phrase: contact.phrase, danger, leftOut, rest });
  }

  async function failed(contact, error) {
    if (error instanceof Refusal && ["refused", "stale_keys"].includes(error.code)) {
      preparing = null; // that id is taken or was erased: the next try is a new conversation
      sealed = null;
    }
    const unknown = error instanceof NoAnswer;
    lockFields(unknown);
    showProblem(
      "write-problem",
      unknown ? page.t("c43.arrival_unknown") : sentenceFor(error, page),
    );
    if (unknown) {
      byId("write-problem").append(await page.phraseLines(contact.phrase));
    }
  }

  byId("write-form").addEventListener("submit", (event) => {
    event.preventDefault();
    whileBusy(byId("send"), page.t("c18.sending"), send);
  });

  return {
    /** Nothing of what was written stays. */
    forget() {
      clearWriting();
      preparing = null;
      sealed = null;
      lockFields(false);
    },
  };
}

function clearWriting() {
  byId("text").value = "";
  byId("name").value = "";
  byId("danger").checked = false;
  byId("write").open = false;
  hideProblem("write-problem");
}
