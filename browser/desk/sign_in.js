// Signing in and unlocking. The password's two halves are made here; the one that opens this
// person's keys never leaves the page.

import { equal, fromBase64Url, pack, toBase64Url, u32 } from "../envelope/bytes.js";
import { CannotOpen, newBoxKeys } from "../envelope/sealing.js";
import { loginTag, openStaffWrap, staffKeys } from "../envelope/wraps.js";
import { passwordParts } from "../phrase/keys.js";
import { liesOnChain, personOf, RosterError, verifyChain } from "../roster/roster.js";
import { freshNonce, readAnswer, toKeeper } from "./keeper.js";
import { openTeam } from "./team.js";

/**
 * @typedef {object} Sealed what stays in memory while the desk is locked: nothing that opens
 *   anything without the password
 * @property {Uint8Array} staffId @property {Uint8Array} salt
 * @property {Uint8Array} wrap inner staff wrap @property {Uint8Array[]} grants
 * @property {import("../roster/roster.js").Roster} roster verified
 */

/**
 * @typedef {object} Member who works here now
 * @property {Uint8Array} staffId
 * @property {string} name that clients see @property {number} roles of this moment
 * @property {import("../envelope/wraps.js").KeyPairs} keys
 * @property {import("./team.js").TeamKeys} team
 * @property {import("../roster/roster.js").Roster} roster
 */

/**
 * @param {object} api @param {{name: string, password: string, code: number}} typed
 * @param {Uint8Array} fingerprint of the root that this desk trusts
 * @param {Uint8Array | null} [head] of the roster that this browser saw last
 * @returns {Promise<{token: string, roles: number, sealed: Sealed, member: Member}>}
 * @throws {CannotOpen | RosterError | import("./api.js").Refusal | import("./api.js").NoAnswer}
 */
export async function signIn(api, { name, password, code }, fingerprint, head = null) {
  const tag = loginTag(name);
  const { salt } = await api.post("/api/signin/salt", { tag: toBase64Url(tag) });
  const parts = await passwordParts(password, fromBase64Url(salt));
  const { nonce, startKey } = await freshNonce(api);
  const reply = newBoxKeys();
  const body = pack(tag, parts.authentication, u32(code), nonce, reply.public);
  const answer = await api.post("/api/signin", {
    tag: toBase64Url(tag),
    request: toBase64Url(toKeeper(startKey, body)),
  });
  const [staffId, roles, wrap, ...grants] = readAnswer(answer.answer, reply, nonce);
  if (roles?.length !== 1 || !wrap) {
    throw new CannotOpen();
  }
  const roster = verifyChain(answer.roster.map(fromBase64Url), fingerprint);
  if (head && !liesOnChain(roster, head)) {
    throw new RosterError("the roster is an older one than this browser has seen, or another");
  }
  const sealed = { staffId, salt: fromBase64Url(salt), wrap, grants, roster };
  const member = openMember(sealed, parts.wrapping);
  parts.wrapping.fill(0);
  return { token: answer.session, roles: roles[0], sealed, member };
}

/**
 * @param {Sealed} sealed @param {string} password
 * @returns {Promise<Member>} @throws {CannotOpen} for another password
 */
export async function unlock(sealed, password) {
  const parts = await passwordParts(password, sealed.salt);
  return openMember(sealed, parts.wrapping);
}

/**
 * The member after the roster or the grants have changed: the same object, so that whatever works
 * with it goes on with the current keys.
 * @param {Member} member @param {import("../roster/roster.js").Roster} roster
 * @param {Uint8Array[]} grants
 * @throws {RosterError} where the roster names other keys for this person, or does not name them
 */
export function renewMember(member, roster, grants) {
  const person = personOf(roster, member.staffId);
  checkOwn(person, member.keys);
  member.roster = roster;
  member.name = person.shownName;
  member.roles = person.roles;
  openTeam(member.keys.box, grants, roster).forEach((keys, epoch) => member.team.set(epoch, keys));
}

/** What the roster says of this person must be what this person's keys are. */
function checkOwn(person, keys) {
  const isNamed =
    person && equal(person.boxKey, keys.box.public) && equal(person.signKey, keys.sign.public);
  if (!isNamed) {
    throw new RosterError("the roster names other keys for this person");
  }
}

function openMember({ staffId, wrap, grants, roster }, wrapping) {
  const keys = staffKeys(openStaffWrap(wrapping, staffId, wrap));
  const person = personOf(roster, staffId);
  checkOwn(person, keys);
  return {
    staffId,
    name: person.shownName,
    roles: person.roles,
    keys,
    team: openTeam(keys.box, grants, roster),
    roster,
  };
}

/**
 * Overwrites what can be overwritten; the rest goes with the page's memory.
 * @param {Member} member
 */
export function forgetMember(member) {
  for (const pair of [member.keys, ...member.team.values()]) {
    pair.box.secret.fill(0);
    pair.sign.seed.fill(0);
    pair.seed?.fill(0);
  }
  member.team.clear();
}
