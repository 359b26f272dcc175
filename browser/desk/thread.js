// One conversation as it is read: envelopes in, lines out. What cannot be verified is shown as
// such, what was repeated is dropped, what is missing is said.

import { readAnswers } from "../envelope/answers.js";
import { readList } from "../envelope/attachments.js";
import { fromBase64Url, toBase64Url } from "../envelope/bytes.js";
import {
  CLIENT_TO_TEAM,
  FINDING,
  findingId,
  FORMAT_ANSWERS,
  FORMAT_ATTACHMENTS,
  FROM_CARETAKER,
  FROM_CLIENT,
  FROM_COURIER,
  HANDOVER,
  isVerified,
  JUDGEMENT,
  newReading,
  openEnvelope,
  TEAM_NOTE,
  TEAM_TO_CLIENT,
} from "../envelope/envelope.js";
import { CannotOpen, MESSAGE, NOTE } from "../envelope/sealing.js";
import { currentEpoch } from "../roster/roster.js";
import { readScreening } from "./findings.js";
import { newJudgements, readJudgement } from "./judgements.js";

/**
 * @typedef {object} Line
 * @property {"message" | "gap" | "unreadable"} kind
 * @property {number} number of its row
 * @property {string} id of the message, base64url; "" for what is none
 * @property {boolean} ours from the team
 * @property {boolean} verified
 * @property {boolean} earlier signed under an earlier epoch
 * @property {boolean} danger the client's tick
 * @property {string} text @property {string} name @property {number} timeMs
 * @property {boolean} isAnswers to optional questions; `language` is the one they were asked in
 * @property {Map<string, string> | null} answers null: none, or not readable
 * @property {boolean} isAttachments
 * @property {import("../envelope/attachments.js").Described[] | null} attachments null: none, not
 *   readable, or of nobody who is known
 * @property {boolean} fromCourier a messenger's message, sealed by the courier
 * @property {boolean} replaced by newer answers: neither shown nor counted
 * @property {number} first @property {number} last of a gap: the writer's count
 */

/**
 * @typedef {object} Note
 * @property {number} number @property {boolean} verified
 * @property {string} text @property {string} name @property {number} timeMs
 */

/** @typedef {{verified: boolean, screening: import("./findings.js").Screening | null}} Finding */

/**
 * @param {object} keys
 * @param {Uint8Array} keys.id of the conversation
 * @param {import("../envelope/sealing.js").BoxKeys} keys.messages
 * @param {import("../envelope/sealing.js").BoxKeys} keys.notes
 * @param {Uint8Array | null} keys.verifyKey the client's
 * @param {() => import("../roster/roster.js").Roster} rosterNow
 * @param {() => boolean} [isJoined] whether the keeper says that a messenger joined the page
 */
export function newThread(keys, rosterNow, isJoined = () => false) {
  const { id, messages, notes } = keys;
  const readingMessages = newReading();
  const readingNotes = newReading();
  /** @type {Line[]} */
  const lines = [];
  /** @type {Note[]} */
  const noted = [];
  /** @type {Map<string, Finding>} by the finding's own id */
  const findings = new Map();
  const judgements = newJudgements();
  let last = 0;
  let repeats = 0;

  /** The key that must have signed; undefined or null where there is none. */
  function signerOf({ origin, epoch }) {
    const roster = rosterNow();
    const { verifyKey } = keys; // a page may have been let in meanwhile
    const fixed = {
      [FROM_CLIENT]: verifyKey,
      // Where there is a phrase, the client's own key signs; the courier has no business there
      // before that client has let a messenger in.
      [FROM_COURIER]: verifyKey && !isJoined() ? null : roster.founding.courierSignKey,
      [FROM_CARETAKER]: roster.founding.caretakerSignKey,
    };
    return origin in fixed ? fixed[origin] : roster.epochs[epoch - 1]?.signKey;
  }

  function isGenuine(opened) {
    const key = signerOf(opened.envelope);
    return Boolean(key) && isVerified(opened, key);
  }

  const plainLine = (row) => ({
    kind: "message",
    number: row.number,
    id: "",
    ours: false,
    verified: false,
    earlier: false,
    danger: false,
    text: "",
    name: "",
    timeMs: 0,
    isAnswers: false,
    answers: null,
    language: "",
    isAttachments: false,
    attachments: null,
    fromCourier: false,
    replaced: false,
    first: 0,
    last: 0,
  });

  function takeMessage(row, blob) {
    const directions = [CLIENT_TO_TEAM, TEAM_TO_CLIENT];
    const opened = openEnvelope(blob, MESSAGE, messages, id, directions);
    const { envelope } = opened;
    const verified = isGenuine(opened);
    const { repeated, missing } = readingMessages(envelope, verified);
    if (repeated) {
      repeats += 1;
      return null;
    }
    if (missing) {
      const { counter } = envelope;
      lines.push({ ...plainLine(row), kind: "gap", first: counter - missing, last: counter - 1 });
    }
    const ours = envelope.direction === TEAM_TO_CLIENT;
    const isAnswers = envelope.format === FORMAT_ANSWERS;
    const isAttachments = envelope.format === FORMAT_ATTACHMENTS;
    if (isAnswers && verified) {
      lines.filter((line) => line.isAnswers).forEach((line) => (line.replaced = true));
    }
    const line = {
      ...plainLine(row),
      id: toBase64Url(envelope.messageId),
      ours,
      verified,
      earlier: ours && envelope.epoch !== currentEpoch(rosterNow()).number,
      danger: envelope.danger,
      text: isAttachments ? "" : envelope.text, // keys stand in it
      name: isAnswers ? "" : envelope.name,
      timeMs: envelope.timeMs,
      isAnswers,
      fromCourier: envelope.origin === FROM_COURIER,
      answers: isAnswers ? readAnswers(envelope.text) : null,
      language: isAnswers ? envelope.name : "",
      isAttachments,
      attachments: isAttachments && verified ? attachmentsIn(envelope.text) : null,
    };
    lines.push(line);
    return line;
  }

  function attachmentsIn(text) {
    try {
      return readList(text);
    } catch (error) {
      if (error instanceof CannotOpen) {
        return null;
      }
      throw error;
    }
  }

  function takeNote(row, blob) {
    const directions = [FINDING, TEAM_NOTE, HANDOVER, JUDGEMENT];
    const opened = openEnvelope(blob, NOTE, notes, id, directions);
    const { envelope } = opened;
    const verified = isGenuine(opened);
    if (envelope.direction === FINDING) {
      const key = toBase64Url(envelope.messageId);
      if (verified || !findings.has(key)) {
        findings.set(key, { verified, screening: readScreening(envelope.text) });
      }
      return;
    }
    if (readingNotes(envelope, verified).repeated) {
      repeats += 1;
      return;
    }
    const { text, name, timeMs } = envelope;
    if (envelope.direction === JUDGEMENT && verified) {
      const judgement = readJudgement(text);
      if (judgement) {
        judgements.take(judgement, name);
      }
      return;
    }
    noted.push({ number: row.number, verified, text, name, timeMs });
  }

  function takeRow(row) {
    try {
      const blob = fromBase64Url(row.envelope);
      if (row.kind === NOTE) {
        takeNote(row, blob);
        return null;
      }
      return takeMessage(row, blob);
    } catch (error) {
      if (!(error instanceof CannotOpen || error instanceof DOMException)) {
        throw error;
      }
      if (row.kind !== NOTE) {
        lines.push({ ...plainLine(row), kind: "unreadable" });
      }
      return null;
    }
  }

  return {
    lines,
    notes: noted,
    judgements,

    /**
     * Rows from the server, those it has seen left out.
     * @param {{number: number, kind: number, envelope: string}[]} rows
     * @returns {Line[]} new messages
     */
    take(rows) {
      const fresh = [];
      for (const row of rows) {
        if (row.number > last) {
          last = row.number;
          fresh.push(takeRow(row));
        }
      }
      return fresh.filter(Boolean);
    },

    /** @returns {string[]} what new rows say that name the courier as their origin, verified or not */
    fromCourier: (rows) =>
      rows
        .filter((row) => row.number > last && row.kind !== NOTE)
        .flatMap(({ envelope }) => {
          try {
            const blob = fromBase64Url(envelope);
            const opened = openEnvelope(blob, MESSAGE, messages, id, [CLIENT_TO_TEAM]).envelope;
            return opened.origin === FROM_COURIER ? [opened.text] : [];
          } catch {
            return []; // told as unreadable when it is taken
          }
        }),

    /** The number of the last row taken. */
    last: () => last,
    /** How many envelopes came a second time and were dropped. */
    repeats: () => repeats,

    /** @param {Line} line a client's @returns {Finding | undefined} what screening says about it */
    findingOf: (line) => findings.get(toBase64Url(findingId(fromBase64Url(line.id)))),

    /** @returns {string} the name that the client chose last; "" where none */
    clientName: () => lines.findLast((line) => !line.ours && line.verified && line.name)?.name ?? "",

    /** @returns {Line | undefined} what the client wrote last */
    lastFromClient: () => lines.findLast((line) => line.kind === "message" && !line.ours),
  };
}
