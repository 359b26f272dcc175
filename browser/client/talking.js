// The open conversation: what was said, answering, the date, erasing.

import { CannotOpen } from "../envelope/sealing.js";
import { NoAnswer, post, Refusal } from "./api.js";
import { fromField, toField } from "./dates.js";
import { deliver } from "./delivery.js";
import {
  byId,
  hideProblem,
  newWords,
  showNotice,
  showProblem,
  showState,
  whileBusy,
} from "./screen.js";
import { askKeeper, changeDue, eraseAll, openWith, poll, sendNext } from "./server.js";
import { sentenceFor } from "./troubles.js";
import { readMessage, takeNextPart } from "./writing.js";

const ATTACHMENTS_FILE = new URL("./attachments.js", import.meta.url).href;
const GUIDED_FILE = new URL("./guided.js", import.meta.url).href;
const WAYS_FILE = new URL("./ways.js", import.meta.url).href;
const POLL_MS = 2_500;
const RECENT = 6;
const HOUR = 3600;
const IDS = {
  field: "answer",
  problem: "answer-problem",
  danger: "answer-danger",
  empty: "c40.empty_answer",
};
const STANDING = { received: "c30.received", read: "c30.read", answering: "c30.being_answered" };

export function watchTalking(page) {
  const { t, dates } = page;
  /** What is open now: conversation, view, roster, due, latest, state; null when nothing is. */
  let open = null;
  let sealed = null;
  let polling = false;
  /** The optional questions, once their code is here; answers that were sealed and not yet sent. */
  let guided = null;
  let given = null;
  let fetching = null;
  /** Pictures and recordings, once their code is here; those drawn, by their row. */
  let attachments = null;
  const drawn = new Map();
  /** Messengers, once their code is here. */
  let ways = null;

  // --- showing ------------------------------------------------------------------------------

  function rowOf(line, isLastOwn) {
    const row = byId("row").content.cloneNode(true).firstElementChild;
    const meta = row.querySelector(".meta");
    const said = row.querySelector(".said");
    row.classList.add(line.ours ? "ours" : "theirs");
    if (line.kind !== "message") {
      said.remove();
      meta.textContent = plainLine(line);
      return row;
    }
    const time = dates.moment(line.timeMs);
    const standing = isLastOwn ? ` · ${t(STANDING[open.state] ?? STANDING.received)}` : "";
    meta.textContent = line.ours
      ? t("c30.from", { name: line.name || t("c30.our_team"), time })
      : (line.fromCourier && ways ? ways.youBy(time) : t("c30.you", { time })) + standing;
    said.textContent = line.text || (line.ours ? "" : t("c12.danger"));
    if (line.isAttachments) {
      said.replaceChildren(line.verified && attachments ? attached(line) : "");
    }
    if (line.isAnswers) {
      said.textContent = guided?.rowText(line.text) ?? "";
    }
    if (ways && line.fromCourier && line.verified && !line.isAnswers && !line.isAttachments) {
      said.textContent = ways.rowText(line.text);
    }
    if (!line.verified) {
      row.classList.add("unverified");
      // What the team did not sign is never shown as the team's words.
      meta.textContent = t(line.ours ? "s02.unverified" : "s02.own_unverified");
      if (line.ours) {
        said.remove();
      }
    }
    return row;
  }

  /** Drawn once: what was opened stays open when the list is drawn anew. */
  function attached(line) {
    if (!drawn.has(line.number)) {
      const place = document.createElement("div");
      attachments.fill(line, place);
      drawn.set(line.number, place);
    }
    return drawn.get(line.number);
  }

  const plainLine = (line) =>
    line.kind === "unreadable"
      ? t("s04.not_opened")
      : t(line.missing > 1 ? "s03.missing_several" : "s03.missing", { count: line.missing });

  function show() {
    const lines = open.conversation.shown;
    const lastOwn = lines.findLastIndex?.((line) => !line.ours && line.kind === "message") ?? -1;
    const rows = lines.map((line, i) => rowOf(line, i === lastOwn));
    const recent = rows.splice(-RECENT);
    byId("older").hidden = rows.length === 0;
    byId("older-label").textContent = t("c35.older", { count: rows.length });
    byId("older-rows").replaceChildren(...rows);
    byId("rows").replaceChildren(...recent);
    guided?.show(lines.filter((line) => line.isAnswers && line.verified).pop()?.text);
    ways?.show(open.conversation.ways());
    showDue();
  }

  function showDue() {
    const date = dates.day(open.due);
    byId("due").textContent = t("c29.due", { date });
    byId("keeping-text").textContent = t("c35.keeping_text", { date });
    byId("due-label").textContent = t("c29.due_label", { latest: dates.day(open.latest) });
    const field = byId("due-date");
    field.min = toField(soonest());
    field.max = toField(open.latest);
  }

  const soonest = () => Math.floor(Date.now() / 1000) + HOUR;

  // --- looking for answers --------------------------------------------------------------------

  async function look() {
    if (!open || polling || document.visibilityState === "hidden") {
      return;
    }
    const mine = open;
    polling = true;
    try {
      const answer = await poll(mine.view, mine.conversation.last());
      if (open === mine && mine.conversation.fromMessenger(answer.messages)) {
        await reopen(mine); // somebody joined, left or wrote there: the keeper says what holds
      } else if (open === mine) {
        await take(answer);
      }
    } catch (error) {
      if (open === mine && error instanceof Refusal && error.code === "refused") {
        await reopen(mine);
      } // no answer just now: the next look is in 2.5 s
    } finally {
      polling = false;
    }
  }

  /** What is polled is rounded up to the hour; the keeper's own time is kept where it is that. */
  const isSameHour = (polled, known) => polled === Math.ceil(known / HOUR) * HOUR;

  async function take(answer) {
    if (answer.gone) {
      return gone();
    }
    const due = isSameHour(answer.due, open.due) ? open.due : answer.due;
    const changed = answer.state !== open.state || due !== open.due;
    const fresh = open.conversation.take(answer.messages, open.roster);
    Object.assign(open, { state: answer.state, due });
    if (changed || answer.messages.length) {
      show();
    }
    if (fresh) {
      showNotice("new-answer", t("c31.new_answer"));
    }
  }

  /** The server was started again, or a new team key signs: open anew with the keys held here. */
  async function reopen(mine) {
    try {
      const again = await openWith(mine.conversation.phraseKeys);
      if (open !== mine) {
        return;
      }
      const { view, state } = again.answer;
      Object.assign(mine, { view, state, roster: again.roster, due: again.due, latest: again.latest });
      mine.conversation.learn(again.ways);
      mine.conversation.take(again.answer.messages, again.roster);
      mine.conversation.settle(again.roster);
      show();
    } catch (error) {
      const opensNothing =
        error instanceof CannotOpen || (error instanceof Refusal && error.code === "refused");
      if (open === mine && opensNothing) {
        gone();
      } // anything else passes: the next look is in 2.5 s and asks for the same
    }
  }

  function gone() {
    const text = byId("answer").value;
    close();
    page.opensNothing(text);
  }

  // --- answering ------------------------------------------------------------------------------

  async function send() {
    const message = readMessage(page, IDS);
    if (!message) {
      return;
    }
    const mine = open;
    if (sealed && (sealed.text !== message.text || sealed.danger !== message.danger)) {
      mine.conversation.unwrite();
      sealed = null;
    }
    sealed ??= mine.conversation.write(message.text, "", message.danger);
    const draft = sealed;
    try {
      const answer = await deliver(
        { ...page.way, attempt: (keys) => sendNext(mine.conversation, draft, keys) },
        page.keys(),
      );
      if (open !== mine) {
        return; // closed meanwhile, perhaps another one is open
      }
      sealed = null;
      byId("answer").readOnly = false;
      mine.due = answer.due;
      const rest = takeNextPart("answer");
      byId("answer").value = rest;
      byId("answer-danger").checked = false;
      showNotice("new-answer", rest ? t("c42.part_sent") : t("c18.have_it"));
      if (message.leftOut) {
        showNotice("new-answer", `${t("c18.have_it")} ${t("c47.left_out")}`);
      }
      await look();
      if (open === mine) {
        show();
      }
    } catch (error) {
      if (open !== mine) {
        return;
      }
      // Whether it arrived is not known: the text must stay what was sealed.
      byId("answer").readOnly = error instanceof NoAnswer;
      showProblem("answer-problem", sentenceFor(error, page));
    }
  }

  /** Answers to optional questions; the same again is the same envelope again. */
  async function sendAnswers(text) {
    const mine = open;
    if (given?.text !== text) {
      given = mine.conversation.write(text, page.language, false, true);
    }
    const draft = given;
    try {
      const attempt = (keys) => sendNext(mine.conversation, draft, keys);
      const answer = await deliver({ ...page.way, attempt }, page.keys());
      given = null;
      mine.due = answer.due;
    } catch (error) {
      if (error instanceof Refusal) {
        given = null;
        mine.conversation.unwrite();
      }
      throw error;
    }
    await look();
  }

  /** Fetched by every open conversation, whoever answers: the fetching says nothing. */
  async function fetchGuided() {
    if (!page.guided || guided) {
      return;
    }
    const { watchGuided } = await import(GUIDED_FILE);
    const talk = {
      /** The phrase, where this page made it itself in this visit; who came back has it already. */
    phrase: () => open?.phrase ?? null,
      send: sendAnswers,
      tell: (text) => showNotice("new-answer", text),
    };
    guided = await watchGuided(page, talk, { byId, newWords, showState, whileBusy });
    if (open) {
      show();
    }
  }

  async function sendAttachments(pending) {
    const mine = open;
    pending.draft ??= mine.conversation.writeAttachments(pending.messageId, pending.text);
    try {
      const attempt = (keys) => sendNext(mine.conversation, pending.draft, keys, pending.ids);
      const answer = await deliver({ ...page.way, attempt }, page.keys());
      mine.due = answer.due;
    } catch (error) {
      if (error instanceof Refusal) {
        pending.draft = null;
        mine.conversation.unwrite();
      }
      throw error;
    }
    await look();
  }

  /** Fetched like the questions, by every open conversation. */
  async function fetchAttachments() {
    if (!page.attachments || attachments) {
      return;
    }
    const { watchAttachments } = await import(ATTACHMENTS_FILE);
    const talk = {
      open: () => open,
      post,
      send: sendAttachments,
      tell: (text) => showNotice("new-answer", text),
    };
    attachments = await watchAttachments(page, talk, { byId, newWords, whileBusy });
    if (open) {
      show();
    }
  }

  /** Fetched like the questions, by every open conversation. */
  async function fetchWays() {
    if (ways || !(page.messengers || open?.conversation.ways().isJoined)) {
      return;
    }
    const { watchWays } = await import(WAYS_FILE);
    const talk = {
      ask: (verb, path, fields, signed) =>
        askKeeper(open.conversation, verb, path, fields, signed),
      learn(told) {
        open?.conversation.learn(told);
        ways.show(told);
      },
      tell: (text) => showNotice("new-answer", text),
    };
    ways = await watchWays(page, talk, { byId, newWords, whileBusy });
    if (open) {
      show();
    }
  }

  async function change() {
    const due = fromField(byId("due-date").value, soonest(), open.latest);
    hideProblem("due-problem");
    if (due === null) {
      const range = { first: dates.day(soonest()), latest: dates.day(open.latest) };
      return showProblem("due-problem", t("c29.due_range", range));
    }
    try {
      open.due = await changeDue(open.conversation, due);
      byId("change").open = false;
      showDue();
      showNotice("new-answer", t("c29.due_changed", { date: dates.day(open.due) }));
    } catch {
      showProblem("due-problem", t("c29.due_unchanged"));
    }
  }

  async function erase() {
    hideProblem("erase-problem");
    try {
      const now = await eraseAll(open.conversation);
      close();
      byId("receipt-time").textContent = t("c37.erased_at", {
        date: dates.day(now),
        time: dates.time(now),
      });
      showState("receipt", byId("receipt-title"));
    } catch {
      showProblem("erase-problem", t("c38.erase_failed"));
    }
  }

  // --- wiring ---------------------------------------------------------------------------------

  const onSubmit = (id, work) =>
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault();
      work(event.submitter);
    });
  onSubmit("answer-form", () => whileBusy(byId("answer-send"), t("c18.sending"), send));
  onSubmit("due-form", (button) => whileBusy(button, t("c18.sending"), change));
  onSubmit("erase-form", (button) => {
    if (button?.id === "erase-all") {
      whileBusy(button, t("c36.erasing"), erase);
    } else {
      byId("erase").open = false;
      byId("answer").focus();
    }
  });
  byId("erase").addEventListener("toggle", (event) => {
    if (event.target.open) {
      byId("erase-form").querySelector("h1").focus();
    }
  });
  byId("close").addEventListener("click", (event) => {
    event.preventDefault();
    close();
    page.toStart();
  });
  setInterval(look, POLL_MS);
  document.addEventListener("visibilitychange", look);

  function close() {
    open = null;
    sealed = null;
    given = null;
    guided?.forget();
    attachments?.forget();
    ways?.forget();
    drawn.clear();
    takeNextPart("answer");
    for (const id of ["answer", "due-date"]) {
      byId(id).value = "";
    }
    byId("answer").readOnly = false;
    byId("answer-danger").checked = false;
    for (const id of ["change", "older", "keeping", "erase"]) {
      byId(id).open = false;
    }
    for (const id of ["rows", "older-rows"]) {
      byId(id).replaceChildren();
    }
    for (const id of ["answer-problem", "due-problem", "erase-problem"]) {
      hideProblem(id);
    }
    showNotice("new-answer", "");
  }

  return {
    /** @param {object} opened conversation, view, roster, due, latest, state */
    start(opened) {
      close();
      open = { ...opened };
      open.conversation.settle(open.roster);
      show();
    },
    /** @param {string} [text] to go on writing with */
    enter(text) {
      showState("conversation");
      byId("answer").value = text ?? "";
      look();
      // Each is fetched once; what one conversation had no need of, the next one may have.
      fetching ??= Promise.all([fetchGuided(), fetchAttachments(), fetchWays()])
        .catch(() => undefined) // not offered this time
        .finally(() => {
          fetching = null;
        });
    },
    /** Gives what is open to the same page in another language; null where nothing is. */
    hand() {
      const handed = open;
      if (!handed) {
        return null;
      }
      if (sealed) {
        handed.conversation.unwrite(); // it was refused, and is written anew
      }
      close();
      return handed;
    },
    forget: close,
  };
}
