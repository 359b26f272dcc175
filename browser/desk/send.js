// Handing a reply over so that it arrives once, whatever the connection does. The text comes from
// a composer together with its conversation; nothing here looks anything up.

import { CannotOpen } from "../envelope/sealing.js";
import { NoAnswer, Refusal } from "./api.js";
import { WrongConversation } from "./conversation.js";
import { askReply } from "./keeper.js";

const AGAIN_AFTER_MS = 1_500;
/** The server refused before storing: nobody has the reply, its number is free again. */
const NOT_STORED = ["claim_lost", "moved_on", "gone", "no_way", "refused", "forbidden", "malformed", "busy"];

/**
 * @param {object} api @param {import("./keeper.js").Member} member
 * @param {{conversation: object, text: string, anyway: boolean, channel?: string}} taken by a
 *   composer; `channel` is the messenger by which it goes
 * @param {(ms: number) => Promise<void>} pause
 * @returns {Promise<{number: number, due: number}>}
 * @throws {Refusal} it was not stored; {NoAnswer} nobody knows
 */
export async function sendReply(api, member, taken, pause) {
  const { conversation, text, anyway, channel } = taken;
  const sealed = conversation.reply(text, channel);
  const seen = conversation.thread.last();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const stored = await askReply(api, member, sealed, seen, anyway);
      conversation.replied();
      return stored;
    } catch (error) {
      if (error instanceof NoAnswer && attempt === 1) {
        await pause(AGAIN_AFTER_MS);
        continue;
      }
      // After an attempt that nobody answered, a refusal proves nothing about the first one.
      if (attempt === 1 && error instanceof Refusal && NOT_STORED.includes(error.code)) {
        conversation.unreply();
      }
      throw error;
    }
  }
}

/** @param {unknown} error @returns {string} why a reply is not sent, as a code for words */
export function reasonOf(error) {
  if (error instanceof Refusal) {
    return error.code;
  }
  if (error instanceof WrongConversation || error instanceof CannotOpen) {
    return "fault";
  }
  return "unknown";
}
