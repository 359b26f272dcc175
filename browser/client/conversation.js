// A conversation as this page holds it: keys in memory, envelopes in, envelopes out.

import { fromBase64Url, randomBytes, toBase64Url } from "../envelope/bytes.js";
import {
  CLIENT_TO_TEAM,
  FORMAT_ANSWERS,
  FORMAT_ATTACHMENTS,
  FORMAT_MESSAGE,
  FROM_CLIENT,
  FROM_COURIER,
  isVerified,
  newReading,
  openEnvelope,
  sealEnvelope,
  TEAM_TO_CLIENT,
} from "../envelope/envelope.js";
import { CannotOpen, MESSAGE } from "../envelope/sealing.js";
import { NO_WAYS } from "../envelope/ways.js";
import { sealScreeningCopy } from "../envelope/wraps.js";

/**
 * @typedef {object} Shown one line of the conversation, in order
 * @property {"message" | "gap" | "unreadable"} kind
 * @property {boolean} ours from the team
 * @property {boolean} verified
 * @property {Uint8Array} id of the message
 * @property {boolean} isAnswers to optional questions (guided.js)
 * @property {boolean} isAttachments their list stands in `text` (attachments.js)
 * @property {boolean} fromCourier by a messenger that joined
 * @property {string} text
 * @property {string} name
 * @property {number} timeMs
 * @property {number} missing for a gap
 * @property {number} number the row's
 */

/**
 * @typedef {object} Draft a message sealed once, sent as often as needed
 * @property {Uint8Array} messageId
 * @property {string} text
 * @property {string} name
 * @property {boolean} danger
 * @property {boolean} isAnswers to optional questions; `name` is then their language
 * @property {boolean} isAttachments names attachments, which no program looks at
 * @property {number} size of the envelope
 * @property {string} envelope base64url
 */

/**
 * @param {object} parts
 * @param {Uint8Array} parts.id conversation id
 * @param {import("../envelope/sealing.js").BoxKeys} parts.messages
 * @param {import("../phrase/keys.js").PhraseKeys} parts.phraseKeys
 */
export function newConversation({ id, messages, phraseKeys }) {
  const reading = newReading();
  const writerId = randomBytes(16);
  let counter = 0;
  /** @type {Shown[]} */
  const shown = [];
  let last = 0;
  let floor = 1;
  /** The keeper's word on messengers; without it nothing that the courier signed counts. */
  let ways = NO_WAYS;

  /** Takes rows from the server; gives how many new messages of the team were among them. */
  function take(rows, roster) {
    let fresh = 0;
    for (const row of rows) {
      if (row.number > last) {
        last = row.number;
        const lines = readRow(row, roster);
        shown.push(...lines);
        fresh += lines.filter((line) => line.kind === "message" && line.ours).length;
      }
    }
    return fresh;
  }

  function readRow(row, roster) {
    const line = { ours: false, verified: false, text: "", name: "", timeMs: 0, missing: 0 };
    let opened;
    try {
      const blob = fromBase64Url(row.envelope);
      opened = openEnvelope(blob, MESSAGE, messages, id, [CLIENT_TO_TEAM, TEAM_TO_CLIENT]);
    } catch (error) {
      if (error instanceof CannotOpen) {
        return [{ ...line, kind: "unreadable", number: row.number }];
      }
      throw error;
    }
    const { envelope } = opened;
    const key = signerOf(envelope, roster);
    const verified = key !== undefined && isVerified(opened, key);
    if (verified) {
      floor = Math.max(floor, envelope.epoch);
    }
    const { repeated, missing } = reading(envelope, verified);
    if (repeated) {
      return [];
    }
    const gap = missing ? [{ ...line, kind: "gap", missing, number: row.number }] : [];
    const ours = envelope.direction === TEAM_TO_CLIENT;
    const { text, name, timeMs } = envelope;
    const isAnswers = envelope.format === FORMAT_ANSWERS;
    const isAttachments = envelope.format === FORMAT_ATTACHMENTS;
    const { number } = row;
    const fromCourier = envelope.origin === FROM_COURIER;
    const is = { kind: "message", ours, verified, isAnswers, isAttachments, fromCourier };
    return [...gap, { ...line, ...is, id: envelope.messageId, text, name, timeMs, number }];
  }

  /** Whose signature an envelope must carry; undefined where there is no such key. */
  function signerOf(envelope, roster) {
    if (envelope.direction === TEAM_TO_CLIENT) {
      // A former member may still hold an earlier epoch's key: once a later one has spoken, or the
      // page is open under it, an earlier one is not believed any more.
      return envelope.epoch >= floor ? roster.epochs[envelope.epoch - 1]?.signKey : undefined;
    }
    if (envelope.origin === FROM_COURIER) {
      return ways.isJoined ? roster.founding.courierSignKey : undefined;
    }
    return envelope.origin === FROM_CLIENT ? phraseKeys.sign.public : undefined;
  }

  /** Whether a messenger brought one of these new rows: then the keeper must be asked again. */
  const fromMessenger = (rows) =>
    rows.some(({ number, envelope }) => number > last && originOf(envelope) === FROM_COURIER);

  function originOf(envelope) {
    try {
      const blob = fromBase64Url(envelope);
      return openEnvelope(blob, MESSAGE, messages, id, [CLIENT_TO_TEAM]).envelope.origin;
    } catch (error) {
      if (error instanceof CannotOpen) {
        return undefined;
      }
      throw error;
    }
  }

  /** @returns {Draft} sealed and signed here, before anything is sent */
  const write = (text, name, danger, isAnswers = false) =>
    writeAs(isAnswers ? FORMAT_ANSWERS : FORMAT_MESSAGE, randomBytes(16), text, name, danger);

  /** @returns {Draft} what names attachments that were sealed for this message id */
  const writeAttachments = (messageId, text) =>
    writeAs(FORMAT_ATTACHMENTS, messageId, text, "", false);

  function writeAs(format, messageId, text, name, danger) {
    counter += 1;
    const envelope = sealEnvelope(
      {
        conversationId: id,
        messageId,
        writerId,
        counter,
        direction: CLIENT_TO_TEAM,
        origin: FROM_CLIENT,
        epoch: 0,
        timeMs: Date.now(),
        danger,
        format,
        text,
        name,
      },
      MESSAGE,
      messages.public,
      phraseKeys.sign,
    );
    const size = envelope.length;
    const isAnswers = format === FORMAT_ANSWERS;
    const isAttachments = format === FORMAT_ATTACHMENTS;
    const is = { isAnswers, isAttachments };
    return { messageId, text, name, danger, ...is, size, envelope: toBase64Url(envelope) };
  }

  /** @returns {string | null} the copy that a program reads once; null while screening is off */
  function copyOf(draft, screeningKey) {
    if (draft.isAttachments) {
      return null;
    }
    return (
      screeningKey &&
      toBase64Url(
        sealScreeningCopy(
          screeningKey,
          {
            conversationId: id,
            messageId: draft.messageId,
            danger: draft.danger,
            isAnswers: draft.isAnswers,
            text: draft.text,
            languageHint: "",
          },
          draft.size,
        ),
      )
    );
  }

  /** A draft that was never sent takes its number back, so that no gap is shown. */
  function unwrite() {
    counter -= 1;
  }

  /** From now on only the team's current epoch speaks. */
  function settle(roster) {
    floor = Math.max(floor, roster.epochs.length);
  }

  const writing = { write, writeAttachments, unwrite, copyOf };
  const messengers = {
    fromMessenger,
    ways: () => ways,
    /** @param {import("../envelope/ways.js").Ways} told by the keeper */
    learn(told) {
      ways = told;
    },
  };
  const reader = { shown, take, settle, last: () => last };
  return { id, phraseKeys, ...reader, ...writing, ...messengers };
}
