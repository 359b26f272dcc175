// Pictures, recordings and documents of the open conversation: chosen, cleaned and sealed here;
// fetched and opened only when somebody presses "Show". What was opened lives in this page's memory
// and goes with it.
//
// A file of its own, fetched by every page that is open to a conversation, so that the fetching
// says nothing; it makes its own part of the page, like guided.js.

import { fetchAndOpen, NotSendable, prepare, sealAndPost } from "../attached/carry.js";
import { TYPES } from "../attached/kinds.js";
import { PICTURES, readList, SOUNDS, writeList } from "../envelope/attachments.js";
import { randomBytes } from "../envelope/bytes.js";

const TAKEN = "image/*,audio/*,video/mp4,application/pdf";
const NO_ROOM = ["no_room", "not_offered"];
const NOT_SENDABLE = {
  too_many: "a04.too_many_files",
  too_large: "a04.too_large",
  kind: "a04.kind",
  unreadable: "a04.unreadable",
};

async function wordsFor(language) {
  const response = await fetch(`/static/attachments-${language}.json`, {
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) {
    throw new Error("the words for attachments are not there");
  }
  return response.json();
}

function make(tag, text, more = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  return Object.assign(element, more);
}

/**
 * @param {object} page
 * @param {object} talk `open()`: conversation and view, or null; `post(path, body)`;
 *   `send(messageId, text, ids)` stores the message that names them; `tell(text)`
 * @param {object} screens of screen.js: `byId`, `newWords`, `whileBusy`
 */
export async function watchAttachments(page, talk, { byId, newWords, whileBusy }) {
  const { strings } = await wordsFor(page.language);
  const t = newWords(strings);
  /** Addresses of what is shown; each holds the plaintext until it is given up. */
  const shown = new Set();
  /** What was sealed and not yet named by a message: sent again, it is the same. */
  let pending = null;

  // --- choosing and sending -------------------------------------------------------------------

  const part = make("details", "", { id: "attach" });
  const input = make("input", "", { type: "file", multiple: true, accept: TAKEN, id: "files" });
  const problem = make("p", "", { className: "problem", tabIndex: -1, hidden: true });
  problem.setAttribute("role", "alert");
  const state = make("p", "", { className: "hint" });
  state.setAttribute("role", "status");
  const send = make("button", t("a01.send_files"), { type: "button", className: "button" });
  part.append(
    make("summary", t("a01.attach")),
    make("p", t("a01.what"), { className: "hint" }),
    make("p", t("a01.taken_out"), { className: "hint" }),
    problem,
    make("label", t("a01.choose"), { htmlFor: "files" }),
    input,
    state,
    send,
  );
  byId("answer-form").after(part);
  input.addEventListener("change", () => (pending = null));
  send.addEventListener("click", () => whileBusy(send, t("a02.sending_files"), sendChosen));

  function tellProblem(id) {
    problem.textContent = t(id);
    problem.hidden = false;
    problem.focus();
  }

  async function seal(files, { conversation, view }) {
    state.textContent = t("a02.preparing");
    const prepared = await prepare(files);
    const messageId = randomBytes(16);
    // The ticket stands first: the server looks at it before it reads on.
    const post = (body) => talk.post("/api/attach", { view, ...body });
    const described = await sealAndPost(prepared, conversation.id, messageId, post, (share) => {
      state.textContent = t("a02.share_arrived", { percent: Math.round(100 * share) });
    });
    return { messageId, text: writeList(described), ids: described.map(({ id }) => id), draft: null };
  }

  async function sendChosen() {
    problem.hidden = true;
    const open = talk.open();
    if (!input.files.length) {
      return tellProblem("a04.none");
    }
    try {
      pending ??= await seal([...input.files], open);
      if (talk.open() === open) {
        await talk.send(pending);
        input.value = "";
        pending = null;
        part.open = false;
        talk.tell(t("a03.arrived"));
      }
    } catch (error) {
      tellProblem(problemOf(error));
    } finally {
      state.textContent = "";
    }
  }

  function problemOf(error) {
    if (error instanceof NotSendable) {
      return NOT_SENDABLE[error.why];
    }
    return NO_ROOM.includes(error.code) ? "a04.no_room" : "a04.not_arrived";
  }

  // --- showing --------------------------------------------------------------------------------

  function address(bytes, kind) {
    const made = URL.createObjectURL(new Blob([bytes], { type: TYPES[kind] }));
    shown.add(made);
    return made;
  }

  function giveUp(made) {
    URL.revokeObjectURL(made);
    shown.delete(made);
  }

  function save(bytes, { kind }, name) {
    const made = address(bytes, kind);
    make("a", "", { href: made, download: `${name}.${kind}` }).click();
    setTimeout(() => giveUp(made), 60_000);
  }

  const kindName = (kind) =>
    t(
      PICTURES.includes(kind)
        ? "a05.picture"
        : SOUNDS.includes(kind)
          ? "a05.sound"
          : kind === "mp4"
            ? "a05.film"
            : "a05.document",
    );

  function view(one, bytes) {
    const made = address(bytes, one.kind);
    if (PICTURES.includes(one.kind)) {
      return make("img", "", { src: made, alt: kindName(one.kind), className: "attached" });
    }
    const sound = make("audio", "", { src: made, controls: true, className: "attached" });
    sound.setAttribute("aria-label", kindName(one.kind));
    return sound;
  }

  function viewButton(one, load, place) {
    const isPicture = PICTURES.includes(one.kind);
    const show = t(isPicture ? "a06.show_picture" : "a06.play");
    const button = make("button", show, { type: "button", className: "button" });
    button.addEventListener("click", async () => {
      const old = place.querySelector(".attached");
      if (old) {
        giveUp(old.src);
        old.remove();
        button.textContent = show;
        return;
      }
      await load(button, (bytes) => {
        place.append(view(one, bytes));
        button.textContent = t("a06.hide");
      });
    });
    return button;
  }

  function item(one, messageId, number) {
    const size = Math.max(1, Math.round(one.size / 1000));
    const place = make("div", "");
    const words = make("p", t("a05.size", { kind: kindName(one.kind), size }));
    const ask = (body) => talk.post("/api/attached", { view: talk.open().view, ...body });
    async function load(button, take) {
      const { conversation } = talk.open();
      await whileBusy(button, t("a06.opening_file"), async () => {
        try {
          take(await fetchAndOpen(one, conversation.id, messageId, ask));
        } catch {
          words.textContent = t("a07.cannot_open");
        }
      });
    }
    const saving = make("button", t("a06.save"), { type: "button", className: "button" });
    saving.addEventListener("click", () =>
      load(saving, (bytes) => save(bytes, one, `${t("a05.file")}-${number}`)),
    );
    const canShow = [...PICTURES, ...SOUNDS].includes(one.kind);
    place.append(words, ...(canShow ? [viewButton(one, load, place)] : []), saving);
    return place;
  }

  return {
    /** Fills the place of a message's text. @param {object} line @param {HTMLElement} said */
    fill(line, said) {
      try {
        const parts = readList(line.text).map((one, i) => item(one, line.id, i + 1));
        said.replaceChildren(...parts, make("p", t("a06.save_note"), { className: "hint" }));
      } catch {
        said.textContent = t("a07.cannot_open");
      }
    },

    /** Nothing of what was chosen or opened stays. */
    forget() {
      pending = null;
      input.value = "";
      part.open = false;
      problem.hidden = true;
      [...shown].forEach(giveUp);
    },
  };
}
