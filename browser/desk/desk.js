// What a member does here, without a screen: open, claim, answer, note, close. Keys and texts of
// open conversations live in this object and end with it.

import { Refusal } from "./api.js";
import { newAttached } from "./attached.js";
import { newComposers } from "./composers.js";
import { newDecisions } from "./decisions.js";
import { NotGranted, openConversation } from "./conversation.js";
import { newDrafts } from "./drafts.js";
import { keyOf } from "./judgements.js";
import { eventsOf } from "./channel_events.js";
import { askClose, askOpen, askWays } from "./keeper.js";
import { isWordOf } from "./mark.js";
import { newPageAnswers } from "./page_answers.js";
import { goesBy, isOpen, wayTo } from "./reach.js";
import { similarTo } from "./similar.js";
import { reasonOf, sendReply } from "./send.js";
import { toBase64Url } from "../envelope/bytes.js";
import { COUNSELLOR, currentEpoch, SUPERVISOR } from "../roster/roster.js";
import { forgetMember } from "./sign_in.js";
import { isAboutMessengers, newWaysPace } from "./ways_pace.js";

// Why an answer waits: the client's safe hours.
const LATER = "later";

const isRefused = (error) => error instanceof Refusal && error.code === "refused";

/**
 * @typedef {object} Talk a conversation that is open here
 * @property {object} conversation of newConversation
 * @property {object} composer of newComposer
 * @property {object} attached of newAttached
 * @property {number} due seconds @property {string} name the client chose; "" where none
 * @property {Map<string, {state: string, reason: string | null}>} outbox by message id
 * @property {() => import("./reach.js").Reach | null | undefined} way as `wayTo` says
 * @property {object} waysPace of newWaysPace
 * @property {string | null} noteText what stands in the field for notes
 */

/**
 * @param {object} session api, rows, writer, pause, now (milliseconds), decisions of the page
 * @param {import("./sign_in.js").Member} member
 * @param {object} told
 * @param {(id: string) => void} told.changed something of an open conversation is different
 * @param {(id: string, why: "erased" | "forgotten" | "closed") => void} told.gone
 * @param {() => Promise<void>} [told.readTeam] reads the roster on
 */
export function newDesk(session, member, told) {
  const { api, rows, writer, pause, now, unsent, decisions = newDecisions(api, now) } = session;
  const { readTeam = async () => undefined } = told;
  /** @type {Map<string, Talk>} */
  const talks = new Map();
  const composers = newComposers();
  const own = toBase64Url(member.staffId);
  const drafts = newDrafts(api, pause, unsent, (id) => told.changed(id));
  let isClosed = false;

  const somebody = ({ conversation, name }) => ({
    conversation: conversation.key,
    mark: conversation.mark,
    name,
  });
  const similarOf = (talk) => similarTo(somebody(talk), [...talks.values()].map(somebody));

  /** Tells a composer who holds its conversation now. */
  function tellHolder(id, talk) {
    const holder = rows.get(id)?.holder ?? null;
    if (holder === null || holder === own) {
      talk.composer.heldBy(holder === own ? "own" : "nobody");
    } else if (talk.composer.other()?.id !== holder) {
      talk.composer.heldBy({ id: holder, name: rows.nameOf(holder), timeMs: now() });
    }
  }

  /** By which messenger the client is reached now; the composer closes with the last way. */
  function tellReach(talk, reaches) {
    talk.reaches = reaches;
    talk.way = () => wayTo(talk.conversation, reaches, talk.due, talk.conversation.ways());
    talk.composer.reachedWhile((ms) => isOpen(talk.way(), ms / 1000));
  }

  /**
   * Opens a row; where it was wrapped for another epoch meanwhile, as it is now.
   * @throws as `openConversation`
   */
  async function openRow(id) {
    const { epoch } = rows.get(id);
    try {
      return await openConversation(api, member, writer, rows.get(id));
    } catch (error) {
      const isNew = error instanceof NotGranted && epoch > currentEpoch(member.roster).number;
      if (!isNew && !isRefused(error)) {
        throw error;
      }
      await Promise.all([rows.look(id), isNew && readTeam()]);
      if (!rows.get(id) || (rows.get(id).epoch === epoch && !isNew)) {
        throw error;
      }
      return openConversation(api, member, writer, rows.get(id));
    }
  }

  async function open(id) {
    const there = talks.get(id);
    if (there) {
      return there;
    }
    await drafts.resend();
    const opened = await openRow(id);
    if (isClosed || talks.has(id)) {
      opened.conversation.forget();
      return talks.get(id);
    }
    const { conversation, answer, draft, due } = opened;
    const talk = { conversation, due, outbox: new Map(), noteText: "", name: "" };
    talk.attached = newAttached(api, conversation);
    talk.waysPace = newWaysPace();
    talk.composer = composers.open({
      conversation,
      isWord: (typed) => isWordOf(conversation.mark, typed),
      isSimilar: () => Boolean(similarOf(talk)),
    });
    talks.set(id, talk);
    talk.name = conversation.thread.clientName();
    answer.outbox.forEach(({ message, ...standing }) => talk.outbox.set(message, standing));
    tellReach(talk, answer.reaches);
    talk.composer.restore(draft);
    talk.isDraftBack = Boolean(draft);
    drafts.know(id, draft);
    if (answer.holder !== undefined) {
      rows.patch(id, { holder: answer.holder });
    }
    tellHolder(id, talk);
    return talk;
  }

  /** Whether what is new says that messengers or their hours changed. */
  function isAboutWays(talk, answer) {
    const { conversation, outbox } = talk;
    const said = conversation.thread.fromCourier(answer.messages);
    const isNewlyLater = ({ message, reason }) =>
      reason === LATER && outbox.get(message)?.reason !== LATER;
    const isUnknown = conversation.isPage && !conversation.ways().isJoined;
    return (
      Boolean(answer.outbox?.some(isNewlyLater)) ||
      said.some((text) => {
        const events = eventsOf({ fromCourier: true, verified: true, text });
        return isUnknown || isAboutMessengers(events);
      })
    );
  }

  /** Whether a page was let in at another desk. */
  const isPageElsewhere = (id, { conversation }) =>
    rows.get(id)?.channel === "web" && !conversation.isPage;

  /** Asks the keeper again; what cannot be learned now, the next sign asks for. */
  async function learnWays(id, talk) {
    if (!talk.waysPace.mayAsk(now())) {
      return;
    }
    const row = rows.get(id) ?? talk.conversation.row;
    try {
      const isPage = isPageElsewhere(id, talk); // its key stands in the wrap
      const wrap = isPage
        ? await wrapByOpening(row)
        : await askWays(api, member, row).catch((error) => openIfRefused(row, error));
      if (isPage) {
        talk.conversation.readPage(wrap, row);
      }
      talk.conversation.learn(wrap.ways);
    } catch {
      // what is known stays
    }
  }

  const wrapByOpening = async (row) => (await askOpen(api, member, row)).wrap;

  /** A keeper that was started again knows of no opening; anything else is worth none. */
  function openIfRefused(row, error) {
    if (!isRefused(error)) {
      throw error;
    }
    return wrapByOpening(row);
  }

  /** Further messages of an open conversation. */
  async function fetchMore(id) {
    const talk = talks.get(id);
    const { thread } = talk.conversation;
    const answer = await api.post("/api/messages", { conversation: id, after: thread.last() });
    if (isAboutWays(talk, answer) || isPageElsewhere(id, talk)) {
      await learnWays(id, talk);
    }
    if (talks.get(id) !== talk) {
      return;
    }
    for (const line of thread.take(answer.messages)) {
      if (!line.ours) {
        talk.composer.clientWrote(line);
      }
    }
    talk.name = thread.clientName();
    answer.outbox?.forEach(({ message, ...standing }) => talk.outbox.set(message, standing));
    tellReach(talk, answer.reaches);
    if (talk.conversation.hasArrived() && !talk.composer.isBusy()) {
      arrived(id, talk);
    }
    told.changed(id);
  }

  function arrived(id, talk) {
    talk.waysPace.hurry(); // the answer may wait for hours that are new
    talk.conversation.replied();
    talk.composer.sent();
    drafts.now(talk.conversation, "");
  }

  /** Rows changed: what is open here follows. */
  async function follow(ids) {
    for (const [id, talk] of talks) {
      if (!ids.has(id)) {
        continue;
      }
      const row = rows.get(id);
      try {
        await fetchMore(id);
        if (row) {
          talk.due = row.due;
          tellHolder(id, talk);
          told.changed(id);
        } else {
          gone(id, "closed");
        }
      } catch (error) {
        if (error instanceof Refusal && ["gone", "refused"].includes(error.code)) {
          gone(id, now() / 1000 >= talk.due ? "forgotten" : "erased");
        } // anything else: no connection, and the next change tries again
      }
    }
  }

  function gone(id, why) {
    const talk = talks.get(id);
    if (talk) {
      composers.drop(id);
      drafts.forget(id);
      talk.attached.forget();
      talk.conversation.forget();
      talks.delete(id);
      told.gone(id, why);
    }
  }

  async function deliver(taken) {
    const { conversation } = taken;
    const id = conversation.key;
    const talk = talks.get(id);
    told.changed(id);
    try {
      const way = { ...taken, channel: goesBy(talk.way(), now() / 1000) };
      const stored = await sendReply(api, member, way, pause);
      talk.due = stored.due;
      arrived(id, talk);
      rows.patch(id, { waiting_since: null, due: stored.due });
    } catch (error) {
      const why = reasonOf(error);
      talk.composer.notSent(why);
      if (why === "claim_lost") {
        rows.patch(id, { holder: error.detail.holder ?? null });
        tellHolder(id, talk);
      }
    }
    if (talks.get(id) === talk) {
      told.changed(id);
      await fetchMore(id).catch(() => undefined); // the next change fetches it
    }
  }

  const pages = newPageAnswers({
    api,
    member,
    rows,
    of: (id) => talks.get(id),
    changed: (id) => told.changed(id),
    fetchMore,
    tellReach: (talk) => tellReach(talk, talk.reaches),
  });

  rows.lookFirst(() => [...talks.keys()]);
  const stopRows = rows.watch((ids) => {
    follow(ids);
  });

  return {
    own,
    member,
    composers,
    open,
    similarOf,
    of: (id) => talks.get(id),
    talks: () => [...talks.values()],
    draftKeptAt: (id) => drafts.keptAt(id),

    /** @returns {Promise<boolean>} whether it is this member's now */
    async claim(id) {
      const { won, holder } = await api.post("/api/claim", { conversation: id });
      const state = won ? { state: "claimed" } : {};
      rows.patch(id, { holder: won ? own : holder, ...state });
      return won;
    },

    async release(id) {
      await api.post("/api/release", { conversation: id });
      rows.patch(id, { holder: null });
    },

    /** Whether files go the way by which this client is answered now; the page's own goes first. */
    canAttach(id) {
      const way = talks.get(id)?.way();
      const by = way?.isAlso ? undefined : way?.channel;
      return isOpen(way, now() / 1000) && rows.carriesFiles(by ?? rows.get(id)?.channel);
    },

    /**
     * @param {string} id @param {{kind: string, bytes: Uint8Array}[]} prepared
     * @param {(share: number) => void} progress
     */
    async sendAttachments(id, prepared, progress) {
      const talk = talks.get(id);
      const by = goesBy(talk.way(), now() / 1000);
      const channel = by && rows.carriesFiles(by) ? by : undefined;
      const stored = await talk.attached.send(member, prepared, progress, pause, channel);
      talk.due = stored.due;
      rows.patch(id, { waiting_since: null, due: stored.due });
      await fetchMore(id).catch(() => undefined); // the next change fetches it
    },

    /** Who else answers people here. */
    colleagues: () =>
      member.roster.people.filter(
        (one) => one.roles & COUNSELLOR && !one.name && toBase64Url(one.staffId) !== own,
      ),

    /** Of those, who also looks after the team. */
    supervisors() {
      return this.colleagues().filter((one) => one.roles & SUPERVISOR);
    },

    /**
     * @param {string} id @param {Uint8Array} staffId who holds it from now on
     * @param {string} text what they should know; for the team only
     */
    async handOver(id, staffId, text) {
      const to = toBase64Url(staffId);
      const { message, envelope } = talks.get(id).conversation.handover(text);
      await api.post("/api/handover", { conversation: id, to, message, envelope });
      rows.patch(id, { holder: to });
      tellHolder(id, talks.get(id));
      told.changed(id);
      await fetchMore(id).catch(() => undefined); // the next change fetches it
    },

    /** What is decided about a page that asks to go on. */
    pages,

    async setUrgency(id, urgency) {
      const seen = talks.get(id).conversation.thread.last();
      await api.post("/api/urgency", { conversation: id, urgency, seen });
      rows.patch(id, { urgency, urgency_by: "hand" });
    },

    /** @param {string} text for the team; not on any way that a reply takes */
    async addNote(id, text) {
      const talk = talks.get(id);
      const { message, envelope } = talk.conversation.note(text);
      await api.post("/api/note", { conversation: id, message, envelope });
      await fetchMore(id);
    },

    /**
     * What a counsellor says about a finding: kept with the conversation, counted apart from it.
     * @param {string} id @param {import("./judgements.js").Judgement} judgement
     * @param {string} language of the message
     */
    async judge(id, judgement, language) {
      const { conversation } = talks.get(id);
      const isFirst = !conversation.thread.judgements.of(judgement);
      const { message, envelope } = conversation.judge(judgement);
      await api.post("/api/note", { conversation: id, message, envelope });
      const { said: verdict, rule, category } = judgement;
      const isCounted = rule !== "" || verdict === "added";
      const decision = isCounted ? { rule: rule || category, language, verdict } : null;
      decisions.take(`${id} ${keyOf(judgement)}`, decision, isFirst);
      await fetchMore(id);
    },

    /**
     * @param {string} id @param {string} reason kept as a note for the team
     * @returns {Promise<number>} when it is erased, seconds
     */
    async close(id, reason) {
      const { conversation } = talks.get(id);
      const due = await askClose(api, member, conversation.row, conversation.thread.last());
      const { message, envelope } = conversation.note(reason);
      gone(id, "closed");
      const noted = api.post("/api/note", { conversation: id, message, envelope });
      await noted.catch(() => undefined); // it is closed all the same
      return due;
    },

    /** Something was typed. */
    typed(id) {
      const talk = talks.get(id);
      drafts.soon(talk.conversation, () => talk.composer.text());
    },

    /** To be called several times a second: signs and sends what was held long enough. */
    tick() {
      composers.due(now()).forEach(deliver);
      decisions.tick();
    },

    /** Seals and stores what is being written, then forgets every key and text. */
    end() {
      isClosed = true;
      stopRows();
      rows.lookFirst(() => []);
      const kept = composers.close();
      const stored = kept.map(({ conversation, text }) => drafts.now(conversation, text));
      talks.forEach(({ attached, conversation }) => {
        attached.forget();
        conversation.forget();
      });
      talks.clear();
      drafts.end();
      forgetMember(member);
      decisions.letGo();
      return Promise.allSettled(stored);
    },
  };
}
