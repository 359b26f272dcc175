// What is attached to an open conversation: opened in memory, given up when the conversation is
// left, and sent. No screen here. Rules:
//
// 1.  What was opened stands behind a `blob:` address of this page and nowhere else; when the
//     conversation goes (closed, erased, locked) every address is given up, and what arrives late
//     is dropped.
// 2.  Pictures and sounds are shown; a document or a film is only handed over to be saved.
// 3.  What is sent is sealed here for this conversation's id; another one's page cannot open it.

import { fetchAndOpen, sealAndPost } from "../attached/carry.js";
import { TYPES } from "../attached/kinds.js";
import { PICTURES, SOUNDS } from "../envelope/attachments.js";
import { fromBase64Url, randomBytes, toBase64Url } from "../envelope/bytes.js";
import { NoAnswer } from "./api.js";
import { askReply } from "./keeper.js";

const AGAIN_AFTER_MS = 1_500;

/** The conversation was left while something was on its way. */
export class Left extends Error {}

/** @param {string} kind @returns {"picture" | "sound" | "other"} how it may be used here */
export const useOf = (kind) =>
  PICTURES.includes(kind) ? "picture" : SOUNDS.includes(kind) ? "sound" : "other";

/**
 * @param {object} api @param {object} conversation of newConversation
 * @param {{createObjectURL: Function, revokeObjectURL: Function}} addresses the browser's URL
 */
export function newAttached(api, conversation, addresses = URL) {
  /** @type {Map<string, Promise<string>>} addresses by attachment id */
  const held = new Map();
  const given = new Set();
  let isLeft = false;

  async function open(line, one) {
    const ask = (body) =>
      api.post("/api/attached", { conversation: conversation.key, ...body });
    const bytes = await fetchAndOpen(one, conversation.id, fromBase64Url(line.id), ask);
    if (isLeft) {
      throw new Left();
    }
    const made = addresses.createObjectURL(new Blob([bytes], { type: TYPES[one.kind] }));
    given.add(made);
    return made;
  }

  return {
    /** @param {object} line @param {object} one @returns {Promise<string>} a `blob:` address */
    address(line, one) {
      const key = toBase64Url(one.id);
      if (!held.has(key)) {
        const opening = open(line, one);
        opening.catch(() => held.delete(key)); // asked for again, it is tried again
        held.set(key, opening);
      }
      return held.get(key);
    },

    /**
     * Seals and sends; the same again after no answer is the same message again.
     * @param {import("./sign_in.js").Member} member
     * @param {{kind: string, bytes: Uint8Array}[]} prepared
     * @param {(share: number) => void} progress @param {(ms: number) => Promise<void>} pause
     * @param {string} [channel] by which messenger they go
     * @returns {Promise<{number: number, due: number}>}
     */
    async send(member, prepared, progress, pause, channel) {
      const messageId = randomBytes(16);
      const post = (body) => {
        if (isLeft) {
          throw new Left();
        }
        return api.post("/api/attach", { conversation: conversation.key, ...body });
      };
      const list = await sealAndPost(prepared, conversation.id, messageId, post, progress);
      const sealed = conversation.attach(messageId, list, channel);
      const attached = list.map(({ id }) => toBase64Url(id));
      const seen = conversation.thread.last();
      const ask = () => askReply(api, member, { ...sealed, attached }, seen, true);
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof NoAnswer)) {
          conversation.unattach();
          throw error;
        }
        await pause(AGAIN_AFTER_MS);
        return ask();
      }
    },

    /** Every address is given up. */
    forget() {
      isLeft = true;
      held.clear();
      given.forEach((made) => addresses.revokeObjectURL(made));
      given.clear();
    },
  };
}
