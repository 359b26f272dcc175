// What the desk asks of the keeper about the team, through a server that cannot forge any of it:
// docs/keeper.md, 0x48, 0x4A, 0x4B and 0x80-0x85.

import { fromBase64Url, fromUtf8, readU32, readU64, toBase64Url, u32, unpack } from "../envelope/bytes.js";
import { labelledHash, opening } from "../envelope/sealing.js";
import { freshNonce, prove, readOpened, toKeeper } from "./keeper.js";

const OPEN_TEAM_WRAP = 0x45;
const REWRAP = 0x48;
const APPEND = 0x4a;
const PUT_GRANT = 0x4b;
const INVITE = 0x80;
const JOIN = 0x82;
const TEAM = 0x83;
const WITHDRAW = 0x84;
const OWN_GRANTS = 0x85;

/** @typedef {import("./keeper.js").Member} Member */

/** Asks with this member's proof. */
async function ask(api, member, path, verb, signed, body) {
  const { nonce } = await freshNonce(api);
  const proof = prove(member.keys.sign, nonce, verb, [member.staffId, ...signed]);
  const answer = await api.post(path, { ...body, ...proof.fields });
  return { answer, read: proof.read };
}

/**
 * @typedef {object} Newcomer invited or waiting
 * @property {Uint8Array} staffId @property {number} roles @property {number} until seconds
 * @property {Uint8Array} inviterId
 * @property {{shownName: string, boxKey: Uint8Array, signKey: Uint8Array} | null} joined
 */

/** @param {Uint8Array} packed @returns {Newcomer} */
function readNewcomer(packed) {
  const [staffId, roles, until, inviterId, joined] = unpack(packed, 5);
  const [shownName, boxKey, signKey] = joined.length ? unpack(joined, 3) : [];
  return {
    staffId,
    roles: roles[0],
    until: readU64(until),
    inviterId,
    joined: shownName ? { shownName: fromUtf8(shownName), boxKey, signKey } : null,
  };
}

/** @param {Uint8Array} rows @returns {Map<string, number>} epoch by staff id */
function readHolders(rows) {
  const holders = new Map();
  for (let at = 0; at + 20 <= rows.length; at += 20) {
    holders.set(toBase64Url(rows.slice(at, at + 16)), readU32(rows, at + 16));
  }
  return holders;
}

/**
 * @param {object} api @param {Member} member
 * @returns {Promise<{newcomers: Newcomer[], holders: Map<string, number>}>} holders: the newest
 *   epoch for which somebody has a grant, by staff id
 */
export async function askTeam(api, member) {
  const { answer, read } = await ask(api, member, "/api/team", TEAM, [], {});
  const [newcomers, holders] = read(answer.answer, 2);
  return opening(() => ({
    newcomers: unpack(newcomers).map(readNewcomer),
    holders: readHolders(holders),
  }));
}

/**
 * @param {object} api @param {Member} member
 * @param {{staffId: Uint8Array, roles: number, key: Uint8Array}} asked
 * @returns {Promise<number>} until when, seconds
 */
export async function askInvite(api, member, { staffId, roles, key }) {
  const signed = [staffId, Uint8Array.of(roles), key];
  const body = { person: toBase64Url(staffId), roles, key: toBase64Url(key) };
  return (await ask(api, member, "/api/team/invite", INVITE, signed, body)).answer.until;
}

/** @param {object} api @param {Member} member @param {Uint8Array} staffId */
export const askWithdraw = (api, member, staffId) =>
  ask(api, member, "/api/team/withdraw", WITHDRAW, [staffId], { person: toBase64Url(staffId) });

/** @param {object} api @param {Member} member @param {Uint8Array} entry */
export const askAppend = (api, member, entry) =>
  ask(api, member, "/api/team/append", APPEND, [labelledHash("entry", entry)], {
    entry: toBase64Url(entry),
  });

/**
 * @param {object} api @param {Member} member @param {Uint8Array} staffId @param {number} epoch
 * @param {Uint8Array} grant
 */
export const askGrant = (api, member, staffId, epoch, grant) =>
  ask(
    api,
    member,
    "/api/team/grant",
    PUT_GRANT,
    [staffId, u32(epoch), labelledHash("grant", grant)],
    { person: toBase64Url(staffId), epoch, grant: toBase64Url(grant) },
  );

/** @param {object} api @param {Member} member @returns {Promise<Uint8Array[]>} */
export async function askOwnGrants(api, member) {
  const { answer, read } = await ask(api, member, "/api/team/grants", OWN_GRANTS, [], {});
  return read(answer.answer);
}

/**
 * A wrap that is to be made anew; reads no message and marks nothing as read.
 * @param {object} api @param {Member} member
 * @param {{conversation: string, reference: string, epoch: number}} row
 * @returns {Promise<import("./keeper.js").OpenedWrap>}
 */
export async function askOldWrap(api, member, { conversation, reference, epoch }) {
  const { nonce } = await freshNonce(api);
  const signed = [fromBase64Url(reference), member.staffId, u32(epoch)];
  const proof = prove(member.keys.sign, nonce, OPEN_TEAM_WRAP, signed);
  const body = { conversation, epoch, ...proof.fields };
  return readOpened(proof, (await api.post("/api/rewrap/open", body)).answer);
}

/**
 * @param {object} api @param {Member} member
 * @param {{conversation: string, reference: string}} row
 * @param {number} epoch the current one @param {Uint8Array} inner the new wrap
 */
export async function askRewrap(api, member, { conversation, reference }, epoch, inner) {
  const { nonce, startKey } = await freshNonce(api);
  const request = toKeeper(startKey, inner);
  const signed = [
    fromBase64Url(reference),
    member.staffId,
    u32(epoch),
    labelledHash("rewrap", request),
  ];
  const proof = prove(member.keys.sign, nonce, REWRAP, signed);
  const body = { conversation, epoch, request: toBase64Url(request), ...proof.fields };
  await api.post("/api/rewrap", body);
}

/**
 * Stores what a newcomer made; the proof is the invitation's.
 * @param {object} api @param {import("../envelope/sealing.js").SignKeys} invitation
 * @param {Uint8Array} body
 */
export async function askJoin(api, invitation, body) {
  const { nonce, startKey } = await freshNonce(api);
  const request = toKeeper(startKey, body);
  const signed = [invitation.public, labelledHash("join", request)];
  const proof = prove(invitation, nonce, JOIN, signed);
  await api.post("/api/join", {
    key: toBase64Url(invitation.public),
    request: toBase64Url(request),
    ...proof.fields,
  });
}
