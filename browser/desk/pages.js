// A page asks to go on with a chat's conversation: what this desk asks of the keeper, and what it
// seals for that page (docs/decisions/0036).
//
// Neither the keeper nor the courier alone can have it seal to a key of theirs: the keeper names the
// keys, the courier's signed line names their hash, and both must be the same.

import { equal, fromBase64Url, pack, toBase64Url, u32 } from "../envelope/bytes.js";
import { proposalHash } from "../envelope/proposal.js";
import { labelledHash } from "../envelope/sealing.js";
import { sealClientWrap, sealTeamWrap } from "../envelope/wraps.js";
import { currentEpoch, headOf } from "../roster/roster.js";
import { freshNonce, prove, toKeeper } from "./keeper.js";

const PAGE_ASKING = 0x69;
const PAGE_WRAP = 0x6a;
const PAGE_LET_IN = 0x6b;
const PAGE_REFUSE = 0x6c;
const ASKS = /^\[page asks [a-z]+ ([A-Za-z0-9_-]{43})\]$/;
const OFF = "[page off]";

/** The keeper names other keys than the client confirmed in the chat: nothing was sealed. */
export class OtherPage extends Error {}

/**
 * @param {import("./thread.js").Line[]} lines
 * @returns {{id: string, hash: Uint8Array} | null} the line of the page that asks now; null: none
 */
export function pageThatAsks(lines) {
  let found = null;
  for (const line of lines) {
    if (line.ours || !line.verified || !line.fromCourier) {
      continue;
    }
    const named = ASKS.exec(line.text)?.[1];
    if (named) {
      found = { id: line.id, hash: fromBase64Url(named) };
    } else if (line.text === OFF) {
      found = null;
    }
  }
  return found;
}

async function ask(api, member, verb, path, row, signed, body) {
  const { nonce } = await freshNonce(api);
  const all = [fromBase64Url(row.reference), member.staffId, ...signed];
  const proof = prove(member.keys.sign, nonce, verb, all);
  const { answer } = await api.post(path, {
    conversation: row.conversation,
    ...body,
    ...proof.fields,
  });
  return proof.read(answer);
}

/** @returns {Promise<import("../envelope/proposal.js").Proposal>} the keys that wait */
async function askAsking(api, member, row) {
  const [lookupTag, verifyKey, boxKey] = await ask(
    api,
    member,
    PAGE_ASKING,
    "/api/page/asking",
    row,
    [],
    {},
  );
  return { lookupTag, verifyKey, boxKey };
}

/**
 * Seals the conversation's key to the page that the client confirmed, and lets it in.
 * @param {object} api @param {import("./sign_in.js").Member} member
 * @param {{conversation: string, reference: string}} row
 * @param {Uint8Array} hash of the keys, as the courier's line names it
 * @param {number} seen of the newest message that the counsellor has read
 * @param {{id: Uint8Array, messages: object, notes: object}} keys of the conversation
 * @returns {Promise<Uint8Array>} the page's verify key
 * @throws {OtherPage | import("./api.js").Refusal}
 */
export async function letPageIn(api, member, row, hash, seen, { id, messages, notes }) {
  const page = await askAsking(api, member, row);
  if (!equal(proposalHash(page), hash)) {
    throw new OtherPage();
  }
  const { roster } = member;
  const epoch = currentEpoch(roster);
  const wrap = { conversationId: id, epoch: epoch.number, messages, notes, verifyKey: page.verifyKey };
  const forPage = {
    conversationId: id,
    messages,
    fingerprint: roster.fingerprint,
    head: headOf(roster),
  };
  const { nonce, startKey } = await freshNonce(api);
  const request = toKeeper(
    startKey,
    pack(sealTeamWrap(epoch.boxKey, wrap), sealClientWrap(page.boxKey, forPage)),
  );
  const signed = [
    fromBase64Url(row.reference),
    member.staffId,
    u32(epoch.number),
    labelledHash("page-wraps", request),
  ];
  const wraps = prove(member.keys.sign, nonce, PAGE_WRAP, signed);
  await ask(api, member, PAGE_LET_IN, "/api/page/let_in", row, [hash], {
    seen,
    epoch: epoch.number,
    request: toBase64Url(request),
    page: toBase64Url(hash),
    wraps: wraps.fields,
  });
  return page.verifyKey;
}

/**
 * The page that asks is not let in.
 * @param {Uint8Array} hash of its keys @param {number} seen as in `letPageIn`
 */
export async function refusePage(api, member, row, hash, seen) {
  const body = { page: toBase64Url(hash), seen };
  await ask(api, member, PAGE_REFUSE, "/api/page/refuse", row, [hash], body);
}
