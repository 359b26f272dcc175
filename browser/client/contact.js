// A new conversation and its first message, complete before anything of it is sent.

import { pack, randomBytes, toBase64Url, u32 } from "../envelope/bytes.js";
import { KEEPER_REQUEST, newBoxKeys, seal } from "../envelope/sealing.js";
import { sealClientWrap, sealTeamWrap } from "../envelope/wraps.js";
import { phraseKeys } from "../phrase/keys.js";
import { newPhrase } from "../phrase/phrase.js";
import { currentEpoch, headOf } from "../roster/roster.js";
import { post } from "./api.js";
import { newConversation } from "./conversation.js";

const u16 = (n) => [n >> 8, n & 0xff];

/**
 * @returns {Promise<object>} phrase and conversation, and `request(keys)` that seals the request
 *   to the keeper (docs/keeper.md, verb 0x10)
 */
export async function newContact() {
  const phrase = newPhrase();
  const keys = await phraseKeys(phrase);
  const id = randomBytes(16);
  const messages = newBoxKeys();
  const notes = newBoxKeys();

  /** @param {import("./trust.js").Keys} given @returns {string} kind 0x41, base64url */
  function request(given) {
    const { roster, start, promise } = given;
    const team = currentEpoch(roster);
    const teamWrap = sealTeamWrap(team.boxKey, {
      conversationId: id,
      epoch: team.number,
      messages,
      notes,
      verifyKey: keys.sign.public,
    });
    const clientWrap = sealClientWrap(keys.box.public, {
      conversationId: id,
      messages,
      fingerprint: roster.fingerprint,
      head: headOf(roster),
    });
    const body = pack(
      id,
      keys.lookupTag,
      keys.sign.public,
      messages.public,
      notes.public,
      u32(team.number),
      u16(promise.inactivity_hours),
      u16(promise.absolute_hours),
      u16(promise.closed_hours),
      teamWrap,
      clientWrap,
    );
    return toBase64Url(seal(KEEPER_REQUEST, start, body));
  }

  return { phrase, conversation: newConversation({ id, messages, phraseKeys: keys }), request };
}

/** @param {object} contact of newContact @param {object} draft @param {object} keys */
export const sendFirst = (contact, draft, keys) =>
  post("/api/first", {
    create: contact.request(keys),
    conversation: toBase64Url(contact.conversation.id),
    message: toBase64Url(draft.messageId),
    envelope: draft.envelope,
    copy: contact.conversation.copyOf(draft, keys.screening),
    danger: draft.danger,
  });
