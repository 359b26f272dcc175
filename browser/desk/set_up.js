// The first person: every key is made in this browser, and one sealed request carries it all.
//
// The token came in the link's fragment, which is never sent. It proves two things: that the keys
// to found the team with come from the keeper, and to the keeper that the request comes from
// whoever was shown the link. The root key signs the founding entry and is forgotten.

import { equal, fromBase64Url, pack, randomBytes, toBase64Url, u32 } from "../envelope/bytes.js";
import { labelled, mac, signKeys } from "../envelope/sealing.js";
import { loginTag, sealGrant, sealStaffWrap, staffKeys, teamKeys } from "../envelope/wraps.js";
import { passwordParts } from "../phrase/keys.js";
import { ADMIN, COUNSELLOR, rootFingerprint, signFounding, SUPERVISOR } from "../roster/roster.js";
import { NoAnswer, Refusal } from "./api.js";
import { toKeeper } from "./keeper.js";

const TOKEN = /^#setup=([A-Za-z0-9_-]{43})$/;
const AGAIN_AFTER_MS = 1_500;
const TRIES = 3;

/** What answered is not the keeper that made the link. */
export class NotTheKeeper extends Error {}

/** @param {string} fragment of the address @returns {Uint8Array | null} the set-up token in it */
export function readToken(fragment) {
  const found = TOKEN.exec(fragment);
  return found ? fromBase64Url(found[1]) : null;
}

/**
 * @param {object} api @param {Uint8Array} token
 * @returns {Promise<object>} the keys of courier, caretaker and keeper
 * @throws {NotTheKeeper} when they do not carry the token's MAC
 */
export async function askSetUpKeys(api, token) {
  const given = await api.post("/api/setup/keys", {});
  const fields = [given.courier_box, given.courier_sign, given.caretaker_sign, given.start_key].map(
    fromBase64Url,
  );
  if (!equal(mac(token, pack(...fields)), fromBase64Url(given.mac))) {
    throw new NotTheKeeper();
  }
  const [courierBoxKey, courierSignKey, caretakerSignKey, startKey] = fields;
  return { courierBoxKey, courierSignKey, caretakerSignKey, startKey };
}

/**
 * @typedef {object} Typed
 * @property {string} name @property {string} shownName @property {string} password
 * @property {Uint8Array} secret of the second key, 20 bytes @property {number} code shown now
 */

/**
 * Everything, made once; the same bytes are sent as often as needed.
 * @param {Uint8Array} token @param {object} keys of askSetUpKeys @param {Typed} typed
 * @param {number} now seconds
 * @returns {Promise<{body: {request: string, mac: string}, fingerprint: Uint8Array}>}
 */
export async function makeSetUp(token, keys, typed, now) {
  const salt = randomBytes(16);
  const parts = await passwordParts(typed.password, salt);
  const staffId = randomBytes(16);
  const staffSeed = randomBytes(32);
  const teamSeed = randomBytes(32);
  const rootSeed = randomBytes(32);
  const own = staffKeys(staffSeed);
  const team = teamKeys(teamSeed);
  const root = signKeys(rootSeed);
  const founding = {
    rootKey: root.public,
    person: {
      staffId,
      name: "", // the roster is public: how she signs in is nobody's business
      shownName: typed.shownName,
      boxKey: own.box.public,
      signKey: own.sign.public,
      roles: COUNSELLOR | SUPERVISOR | ADMIN,
    },
    teamBoxKey: team.box.public,
    teamSignKey: team.sign.public,
    courierBoxKey: keys.courierBoxKey,
    courierSignKey: keys.courierSignKey,
    caretakerSignKey: keys.caretakerSignKey,
    recoveryBoxKey: null,
  };
  const entry = signFounding(founding, root, now);
  rootSeed.fill(0);
  const body = pack(
    entry,
    loginTag(typed.name),
    salt,
    parts.authentication,
    typed.secret,
    u32(typed.code),
    sealStaffWrap(parts.wrapping, staffId, staffSeed),
    sealGrant(own.box.public, 1, teamSeed),
  );
  for (const secret of [staffSeed, teamSeed, parts.wrapping]) {
    secret.fill(0);
  }
  const request = toKeeper(keys.startKey, body);
  const proof = mac(token, labelled("setup", request));
  return {
    body: { request: toBase64Url(request), mac: toBase64Url(proof) },
    fingerprint: rootFingerprint(root.public),
  };
}

/**
 * Sends it; a cut connection is tried again with the same bytes.
 * @param {object} api @param {{request: string, mac: string}} body
 * @param {(ms: number) => Promise<void>} pause
 * @returns {Promise<Uint8Array>} the fingerprint that the keeper pinned
 */
export async function sendSetUp(api, body, pause) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return fromBase64Url((await api.post("/api/setup", body)).fingerprint);
    } catch (error) {
      const isCut =
        error instanceof NoAnswer || (error instanceof Refusal && error.code === "unavailable");
      if (!isCut || attempt === TRIES) {
        throw error;
      }
      await pause(AGAIN_AFTER_MS);
    }
  }
}
