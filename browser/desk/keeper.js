// What the desk asks of the keeper, through a server that cannot read it: docs/keeper.md.

import { equal, fromBase64Url, readU64, toBase64Url, u32, unpack } from "../envelope/bytes.js";
import {
  CannotOpen,
  KEEPER_ANSWER,
  KEEPER_REQUEST,
  labelledHash,
  newBoxKeys,
  opening,
  openSealed,
  seal,
} from "../envelope/sealing.js";
import { readWays } from "../envelope/ways.js";
import { signProof } from "../envelope/wraps.js";

const OPEN_TEAM_WRAP = 0x45;
const TEAM_WAYS = 0x6d;
const REPLIED = 0x46;
const CLOSE = 0x47;
export const RECOVER = 0x86;
const NOTHING = new Uint8Array();

/**
 * The fields of an answer to this nonce, the nonce left away.
 * @param {string} answer base64url @param {import("../envelope/sealing.js").BoxKeys} reply
 * @param {Uint8Array} nonce @param {number} [count] of the fields that follow
 * @returns {Uint8Array[]} @throws {CannotOpen}
 */
export function readAnswer(answer, reply, nonce, count) {
  const sealed = openSealed(KEEPER_ANSWER, reply, fromBase64Url(answer));
  const [answered, ...fields] = opening(() => unpack(sealed));
  if (!answered || !equal(answered, nonce) || (count !== undefined && fields.length !== count)) {
    throw new CannotOpen();
  }
  return fields;
}

/** @param {object} api @returns {Promise<{nonce: Uint8Array, startKey: Uint8Array}>} */
export async function freshNonce(api) {
  const given = await api.post("/api/nonce", {});
  return { nonce: fromBase64Url(given.nonce), startKey: fromBase64Url(given.start_key) };
}

/** @param {Uint8Array} startKey @param {Uint8Array} body @returns {Uint8Array} kind 0x41 */
export const toKeeper = (startKey, body) => seal(KEEPER_REQUEST, startKey, body);

/**
 * A proof by this key: the fields to send, and how to read what comes back.
 * @param {import("../envelope/sealing.js").SignKeys} keys @param {Uint8Array} nonce
 * @param {number} verb @param {Uint8Array[]} signedArguments
 */
export function prove(keys, nonce, verb, signedArguments) {
  const reply = newBoxKeys();
  const signature = signProof(keys, nonce, verb, signedArguments, reply.public);
  return {
    fields: {
      nonce: toBase64Url(nonce),
      reply: toBase64Url(reply.public),
      signature: toBase64Url(signature),
    },
    read: (answer, count) => readAnswer(answer, reply, nonce, count),
  };
}

/**
 * @typedef {object} Member who is signed in
 * @property {Uint8Array} staffId
 * @property {import("../envelope/wraps.js").KeyPairs} keys
 */

/**
 * @typedef {object} OpenedWrap what the keeper says of a conversation
 * @property {Uint8Array} inner the team wrap @property {Uint8Array} conversationId
 * @property {Uint8Array} cpk @property {Uint8Array} npk
 * @property {Uint8Array | null} verifyKey
 * @property {number} due @property {number} latest seconds
 * @property {import("../envelope/ways.js").Ways} ways messengers, by the keeper's own word
 */

/**
 * @param {object} api @param {Member} member
 * @param {{conversation: string, reference: string, epoch: number}} row
 * @returns {Promise<{answer: object, wrap: OpenedWrap}>} the server's answer and the keeper's in it
 */
export async function askOpen(api, member, row) {
  const { nonce } = await freshNonce(api);
  const reference = fromBase64Url(row.reference);
  const signed = [reference, member.staffId, u32(row.epoch)];
  const proof = prove(member.keys.sign, nonce, OPEN_TEAM_WRAP, signed);
  const { conversation, epoch } = row;
  const answer = await api.post("/api/open", { conversation, epoch, ...proof.fields });
  return { answer, wrap: readOpened(proof, answer.answer) };
}

/**
 * What the keeper says now of a conversation that this member opened, but for its keys. It costs no
 * opening; after a restart of the keeper it is refused until the conversation is opened again.
 * @param {object} api @param {Member} member
 * @param {{conversation: string, reference: string}} row
 * @returns {Promise<Pick<OpenedWrap, "verifyKey" | "ways">>}
 */
export async function askWays(api, member, { conversation, reference }) {
  const { nonce } = await freshNonce(api);
  const signed = [fromBase64Url(reference), member.staffId];
  const proof = prove(member.keys.sign, nonce, TEAM_WAYS, signed);
  const { answer } = await api.post("/api/ways", { conversation, ...proof.fields });
  const [verify, ways] = proof.read(answer, 2);
  return { verifyKey: verify.length ? verify : null, ways: readWays(ways) };
}

/** @param {{read: Function}} proof @param {string} answer @returns {OpenedWrap} */
export function readOpened(proof, answer) {
  const [inner, conversationId, cpk, npk, verify, due, latest, ways] = proof.read(answer, 8);
  return {
    inner,
    conversationId,
    cpk,
    npk,
    verifyKey: verify.length ? verify : null,
    due: readU64(due),
    latest: readU64(latest),
    ways: readWays(ways),
  };
}

/**
 * Hands over a reply. Each attempt has its own proof; envelope and message id stay.
 * @param {object} api @param {Member} member
 * @param {object} sealed
 * @param {string} sealed.conversation @param {string} sealed.reference
 * @param {Uint8Array} sealed.messageId @param {Uint8Array} sealed.envelope
 * @param {Uint8Array | null} sealed.outboxItem for a messenger
 * @param {string[]} [sealed.attached] ids of attachments that the envelope names
 * @param {string} sealed.channel which messenger
 * @param {number} seen @param {boolean} anyway
 * @returns {Promise<{number: number, due: number}>}
 */
export async function askReply(api, member, sealed, seen, anyway) {
  const { nonce, startKey } = await freshNonce(api);
  const outbox = sealed.outboxItem ? toKeeper(startKey, sealed.outboxItem) : NOTHING;
  const signed = [
    fromBase64Url(sealed.reference),
    member.staffId,
    sealed.messageId,
    labelledHash("outbox", outbox),
  ];
  const proof = prove(member.keys.sign, nonce, REPLIED, signed);
  return api.post("/api/reply", {
    conversation: sealed.conversation,
    message: toBase64Url(sealed.messageId),
    envelope: toBase64Url(sealed.envelope),
    outbox_request: outbox.length ? toBase64Url(outbox) : null,
    channel: outbox.length ? sealed.channel : null,
    seen,
    anyway,
    attached: sealed.attached ?? [],
    ...proof.fields,
  });
}

/**
 * @param {object} api @param {Member} member
 * @param {{conversation: string, reference: string}} row
 * @param {number} seen the row up to which the conversation was read
 * @returns {Promise<number>} when it is due, seconds
 */
export async function askClose(api, member, row, seen) {
  const { nonce } = await freshNonce(api);
  const signed = [fromBase64Url(row.reference), member.staffId];
  const proof = prove(member.keys.sign, nonce, CLOSE, signed);
  const { conversation } = row;
  return (await api.post("/api/close", { conversation, seen, ...proof.fields })).due;
}
