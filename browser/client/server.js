// The client's side of each request: what is sealed and proved, and what an answer must show.

import { equal, fromBase64Url, fromUtf8, readU64, toBase64Url, u64, unpack } from "../envelope/bytes.js";
import { CannotOpen, KEEPER_ANSWER, newBoxKeys, openSealed } from "../envelope/sealing.js";
import { readWays } from "../envelope/ways.js";
import { openClientWrap, signProof } from "../envelope/wraps.js";
import { phraseKeys } from "../phrase/keys.js";
import { post } from "./api.js";
import { newConversation } from "./conversation.js";
import { readRoster } from "./trust.js";

// Verbs of docs/keeper.md, section 3.
const OPEN_CLIENT_WRAP = 0x12;
const ERASE = 0x13;
const CHANGE_DUE = 0x14;
const CLIENT_WROTE = 0x15;

/** A proof for one verb: a fresh nonce, a fresh reply key, the phrase's signature. */
async function prove(keys, verb, ...signedArguments) {
  const nonce = fromBase64Url((await post("/api/nonce", {})).nonce);
  const reply = newBoxKeys();
  const signature = signProof(keys.sign, nonce, verb, signedArguments, reply.public);
  const fields = {
    tag: toBase64Url(keys.lookupTag),
    nonce: toBase64Url(nonce),
    reply: toBase64Url(reply.public),
    signature: toBase64Url(signature),
  };
  return { fields, read: (answer, count) => readAnswer(answer, reply, nonce, count) };
}

/** The keeper's answer, if it is to this nonce. Only a taken-over web process could make one up. */
function readAnswer(answer, reply, nonce, count) {
  const fields = unpack(openSealed(KEEPER_ANSWER, reply, fromBase64Url(answer)), count);
  if (!equal(fields[0], nonce)) {
    throw new CannotOpen();
  }
  return fields.slice(1);
}

/**
 * What a phrase opens.
 * @param {import("../phrase/phrase.js").Phrase} phrase
 * @returns {Promise<object>} @throws {CannotOpen} for wrong, unknown and expired alike
 */
export async function comeBack(phrase) {
  const keys = await phraseKeys(phrase);
  const opened = await openWith(keys);
  const conversation = newConversation({
    id: opened.wrap.conversationId,
    messages: opened.wrap.messages,
    phraseKeys: keys,
  });
  conversation.learn(opened.ways);
  conversation.take(opened.answer.messages, opened.roster);
  conversation.settle(opened.roster);
  return { conversation, ...opened };
}

/** Opens again with keys that are still here, for instance after the server was restarted. */
export async function openWith(keys) {
  try {
    return await openOnce(keys);
  } catch (error) {
    // A nonce may have been pushed out before it was used; a second answer is the answer.
    if (error instanceof CannotOpen) {
      return openOnce(keys);
    }
    throw error;
  }
}

async function openOnce(keys) {
  const proof = await prove(keys, OPEN_CLIENT_WRAP, keys.lookupTag);
  const answer = await post("/api/open", proof.fields);
  const [inner, id, due, latest, ways] = proof.read(answer.answer, 6);
  const wrap = openClientWrap(keys.box, inner, id);
  const roster = readRoster(answer.roster, wrap.fingerprint, wrap.head);
  const dates = { due: readU64(due), latest: readU64(latest) };
  return { answer, wrap, roster, ways: readWays(ways), ...dates };
}

/** Sends one more message; each attempt has its own proof and the same envelope. */
export async function sendNext(conversation, draft, keys, attached = []) {
  const proof = await prove(
    conversation.phraseKeys,
    CLIENT_WROTE,
    conversation.phraseKeys.lookupTag,
  );
  return post("/api/send", {
    ...proof.fields,
    message: toBase64Url(draft.messageId),
    envelope: draft.envelope,
    copy: conversation.copyOf(draft, keys.screening),
    danger: draft.danger,
    attached: attached.map(toBase64Url),
  });
}

/** @param {string} view @param {number} after the last row known */
export const poll = (view, after) => post("/api/poll", { view, after });

/** @param {object} conversation @param {number} due seconds @returns {Promise<number>} */
export async function changeDue(conversation, due) {
  const { lookupTag } = conversation.phraseKeys;
  const proof = await prove(conversation.phraseKeys, CHANGE_DUE, lookupTag, u64(due));
  const answer = await post("/api/due", { ...proof.fields, due });
  return readU64(proof.read(answer.answer, 2)[0]);
}

/** Resolves only once the keeper itself has said that it is overwritten; gives its time. */
export async function eraseAll(conversation) {
  const { lookupTag } = conversation.phraseKeys;
  const proof = await prove(conversation.phraseKeys, ERASE, lookupTag);
  const answer = await post("/api/erase", proof.fields);
  const [word, now] = proof.read(answer.answer, 3);
  if (fromUtf8(word) !== "erased") {
    throw new CannotOpen();
  }
  return readU64(now);
}

/**
 * One request of the phrase's owner that only the keeper answers.
 * @param {object} conversation @param {number} verb @param {string} path
 * @param {object} more what stands beside the proof @param {Uint8Array[]} signed
 * @returns {Promise<Uint8Array[]>} the fields of its answer
 */
export async function askKeeper(conversation, verb, path, more, signed) {
  const { lookupTag } = conversation.phraseKeys;
  const proof = await prove(conversation.phraseKeys, verb, lookupTag, ...signed);
  const answer = await post(path, { ...proof.fields, ...more });
  return proof.read(answer.answer, 2);
}
