// A conversation that is open at this desk: its id, its keys, what was read, and what is written
// into it. Everything that is written is sealed here, with this object's own id and keys, so that
// a text can reach no other conversation.

import { writeList } from "../envelope/attachments.js";
import { equal, fromBase64Url, randomBytes, toBase64Url } from "../envelope/bytes.js";
import {
  DRAFT,
  FORMAT_ATTACHMENTS,
  FORMAT_DRAFT,
  FORMAT_MESSAGE,
  FORMAT_NOTE,
  FROM_TEAM,
  HANDOVER,
  isVerified,
  JUDGEMENT,
  openEnvelope,
  sealEnvelope,
  TEAM_NOTE,
  TEAM_TO_CLIENT,
} from "../envelope/envelope.js";
import { CannotOpen, MESSAGE, NOTE } from "../envelope/sealing.js";
import { NO_WAYS } from "../envelope/ways.js";
import { openTeamWrap, sealOutboxItem } from "../envelope/wraps.js";
import { currentEpoch } from "../roster/roster.js";
import { writeJudgement } from "./judgements.js";
import { askOpen } from "./keeper.js";
import { markOf } from "./mark.js";
import { letPageIn, pageThatAsks } from "./pages.js";
import { newThread } from "./thread.js";

const PAGE = "web";

/** Row, wrap and keeper name different conversations or keys: nothing of it is shown. */
export class DoesNotBelong extends Error {}

/** This member holds no key of the epoch under which the conversation is wrapped. */
export class NotGranted extends Error {}

/** What would be sent is not what stands on the screen: a fault of this page, nothing was sent. */
export class WrongConversation extends Error {}

/** @param {boolean} condition @param {typeof Error} Fault */
function holds(condition, Fault) {
  if (!condition) {
    throw new Fault();
  }
}

/**
 * The counters of one sign-in, for each conversation and direction: a gap in them is a message
 * that somebody held back.
 */
export function newWriter() {
  const counters = new Map();
  const keyOf = (conversation, direction) => `${conversation} ${direction}`;
  return {
    id: randomBytes(16),
    /** @param {string} conversation @param {number} direction @returns {number} from 1 */
    next(conversation, direction) {
      const key = keyOf(conversation, direction);
      counters.set(key, (counters.get(key) ?? 0) + 1);
      return counters.get(key);
    },
    /** The last one was never sent, and leaves no gap. */
    back(conversation, direction) {
      const key = keyOf(conversation, direction);
      counters.set(key, counters.get(key) - 1);
    },
  };
}

/**
 * @param {object} api @param {import("./sign_in.js").Member} member
 * @param {object} writer of newWriter @param {import("./order.js").Row} row
 * @returns {Promise<{conversation: object, answer: object, draft: string, due: number}>}
 * @throws {DoesNotBelong | NotGranted | CannotOpen | import("./api.js").Refusal}
 */
export async function openConversation(api, member, writer, row) {
  const team = member.team.get(row.epoch);
  holds(team, NotGranted);
  const { answer, wrap } = await askOpen(api, member, row);
  const id = fromBase64Url(row.conversation);
  holds(equal(wrap.conversationId, id), DoesNotBelong);
  const inner = openTeamWrap(team.box, wrap.inner, id, row.epoch);
  // A page that is not let in yet, or whose wrap a restored database has lost: one of the two names
  // no key. Then nobody signs as that page.
  const isOneNone = wrap.verifyKey === null || inner.verifyKey === null;
  const isClientSame = isOneNone || equal(inner.verifyKey, wrap.verifyKey);
  const isSame =
    equal(inner.messages.public, wrap.cpk) && equal(inner.notes.public, wrap.npk) && isClientSame;
  holds(isSame, DoesNotBelong);
  const keys = { ...inner, verifyKey: isOneNone ? null : wrap.verifyKey };
  const conversation = newConversation(member, writer, row, keys);
  conversation.learn(wrap.ways);
  conversation.thread.take(answer.messages);
  const draft = answer.draft ? conversation.readDraft(answer.draft) : "";
  return { conversation, answer, draft, due: wrap.due };
}

/**
 * @param {import("./sign_in.js").Member} member @param {object} writer
 * @param {import("./order.js").Row} row @param {import("../envelope/wraps.js").TeamWrap} keys
 */
export function newConversation(
  member,
  writer,
  firstRow,
  { conversationId: id, messages, notes, verifyKey },
) {
  const key = toBase64Url(id);
  holds(key === firstRow.conversation, DoesNotBelong);
  // What wrap and keeper both call a page's is one, whatever the row says.
  let row = verifyKey === null ? firstRow : { ...firstRow, channel: PAGE };
  // Asked for each time: a new epoch may begin while the conversation is open.
  const epochNow = () => currentEpoch(member.roster).number;
  let ways = NO_WAYS;
  const keys = { id, messages, notes, verifyKey };
  const thread = newThread(keys, () => member.roster, () => ways.isJoined);
  /** A reply that was sealed and of which it is not known that it arrived. */
  let pending = null;
  let isForgotten = false;

  function write(direction, format, kind, recipient, text, messageId = randomBytes(16)) {
    const epoch = epochNow();
    const team = member.team.get(epoch);
    holds(!isForgotten && team, CannotOpen);
    const envelope = sealEnvelope(
      {
        conversationId: id,
        messageId,
        writerId: writer.id,
        counter: writer.next(key, direction),
        direction,
        origin: FROM_TEAM,
        epoch,
        timeMs: Date.now(),
        danger: false,
        format,
        text,
        name: member.name,
      },
      kind,
      recipient,
      team.sign,
    );
    return { messageId, envelope };
  }

  /** Opens what is about to leave and compares: the last look before it is handed over. */
  function check(sealed, text) {
    const { envelope } = openEnvelope(sealed.envelope, MESSAGE, messages, id, [TEAM_TO_CLIENT]);
    const isThis = equal(envelope.conversationId, fromBase64Url(sealed.conversation));
    holds(isThis && envelope.text === text && sealed.conversation === key, WrongConversation);
  }

  function becomePage(verifyKey) {
    keys.verifyKey = verifyKey;
    row = { ...row, channel: PAGE };
  }

  /** For the courier; nothing where the client reads on the page alone. */
  function outboxItem(messageId, text, channel, attachments = []) {
    if (channel === PAGE) {
      return null;
    }
    const epoch = epochNow();
    const item = { conversationId: id, messageId, epoch, channel, text, attachments };
    const { founding } = member.roster;
    return sealOutboxItem(founding.courierBoxKey, item, member.team.get(epoch).sign);
  }

  return {
    id,
    key,
    get row() {
      return row;
    },
    mark: markOf(id),
    thread,
    get isPage() {
      return keys.verifyKey !== null;
    },
    /** The page that asks to go on here, as a verified line names it; null: none. */
    pageThatAsks: () => (keys.verifyKey === null ? pageThatAsks(thread.lines) : null),

    /** @param {object} api @param {Uint8Array} hash of the keys that the client confirmed */
    async letPageIn(api, hash) {
      holds(!isForgotten, CannotOpen);
      becomePage(await letPageIn(api, member, row, hash, thread.last(), keys));
    },

    /**
     * A page may have been let in at another desk: believed where wrap and keeper both say so.
     * @param {import("./keeper.js").OpenedWrap} wrap @param {import("./order.js").Row} now
     */
    readPage(wrap, now) {
      if (keys.verifyKey === null && wrap.verifyKey !== null) {
        const inner = openTeamWrap(member.team.get(now.epoch).box, wrap.inner, id, now.epoch);
        if (inner.verifyKey !== null && equal(inner.verifyKey, wrap.verifyKey)) {
          becomePage(inner.verifyKey);
        }
      }
    },
    ways: () => ways,
    /** @param {import("../envelope/ways.js").Ways} told by the keeper */
    learn(told) {
      ways = told;
    },

    /**
     * A reply, signed and sealed now. The same text of which it is not known that it arrived is
     * the same reply.
     * @param {string} text @param {string} [channel] by which it goes: the one last written from
     * @returns {object} for askReply
     */
    reply(text, channel = row.channel) {
      if (pending?.text !== text) {
        const sealed = write(TEAM_TO_CLIENT, FORMAT_MESSAGE, MESSAGE, messages.public, text);
        const forCourier = outboxItem(sealed.messageId, text, channel);
        const { reference } = row;
        pending = { text, channel, conversation: key, reference, ...sealed, outboxItem: forCourier };
      }
      check(pending, text);
      return pending;
    },

    /** The pending reply was stored. */
    replied() {
      pending = null;
    },

    /** The pending reply was refused before anything was stored: it leaves no gap. */
    unreply() {
      if (pending) {
        pending = null;
        writer.back(key, TEAM_TO_CLIENT);
      }
    },

    /**
     * What names attachments that were sealed for this message id. To a messenger their keys go to
     * the courier, too: it opens what it has to send, and nothing else.
     * @param {Uint8Array} messageId
     * @param {import("../envelope/attachments.js").Described[]} list
     * @param {string} [channel] as of `reply` @returns {object} for askReply
     */
    attach(messageId, list, channel = row.channel) {
      const text = writeList(list);
      const own = [TEAM_TO_CLIENT, FORMAT_ATTACHMENTS, MESSAGE, messages.public];
      const sealed = { conversation: key, ...write(...own, text, messageId) };
      check(sealed, text);
      const forCourier = outboxItem(messageId, "", channel, list);
      return { ...sealed, channel, reference: row.reference, outboxItem: forCourier };
    },

    /** What named attachments was refused: it leaves no gap. */
    unattach() {
      writer.back(key, TEAM_TO_CLIENT);
    },

    /** @returns {boolean} whether the pending reply stands among what was read since */
    hasArrived() {
      const id64 = pending && toBase64Url(pending.messageId);
      return Boolean(pending) && thread.lines.some((line) => line.id === id64);
    },

    /** @param {string} text for the team only @returns {{message: string, envelope: string}} */
    note(text) {
      const sealed = write(TEAM_NOTE, FORMAT_NOTE, NOTE, notes.public, text);
      return { message: toBase64Url(sealed.messageId), envelope: toBase64Url(sealed.envelope) };
    },

    /** @param {string} text for who holds it next @returns {{message: string, envelope: string}} */
    handover(text) {
      const sealed = write(HANDOVER, FORMAT_NOTE, NOTE, notes.public, text);
      return { message: toBase64Url(sealed.messageId), envelope: toBase64Url(sealed.envelope) };
    },

    /** @param {import("./judgements.js").Judgement} judgement about a finding, for the team only */
    judge(judgement) {
      const text = writeJudgement(judgement);
      const sealed = write(JUDGEMENT, FORMAT_NOTE, NOTE, notes.public, text);
      return { message: toBase64Url(sealed.messageId), envelope: toBase64Url(sealed.envelope) };
    },

    /** @param {string} text @returns {string} the sealed draft */
    draft: (text) => toBase64Url(write(DRAFT, FORMAT_DRAFT, NOTE, notes.public, text).envelope),

    /** @param {string} envelope base64url @returns {string} its text; "" where not the team's */
    readDraft(envelope) {
      try {
        const opened = openEnvelope(fromBase64Url(envelope), NOTE, notes, id, [DRAFT]);
        const signer = member.roster.epochs[opened.envelope.epoch - 1]?.signKey;
        return signer && isVerified(opened, signer) ? opened.envelope.text : "";
      } catch (error) {
        if (error instanceof CannotOpen) {
          return "";
        }
        throw error;
      }
    },

    /** Its keys are overwritten and what was read is dropped; nothing can be written any more. */
    forget() {
      isForgotten = true;
      pending = null;
      messages.secret.fill(0);
      notes.secret.fill(0);
      thread.lines.length = 0;
      thread.notes.length = 0;
      thread.judgements.forget();
    },
  };
}
