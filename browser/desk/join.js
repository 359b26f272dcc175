// Somebody joins: keys and password are made in this browser. Nothing of it lets anybody in; a
// colleague does, after hearing the words.

import { pack, randomBytes, toBase64Url, u32, utf8 } from "../envelope/bytes.js";
import { loginTag, sealStaffWrap, staffKeys } from "../envelope/wraps.js";
import { passwordParts } from "../phrase/keys.js";
import { newcomerHash } from "../roster/roster.js";
import { NoAnswer, Refusal } from "./api.js";
import { invitationKeys } from "./invitation.js";
import { askJoin } from "./team_keeper.js";

const AGAIN_AFTER_MS = 1_500;
const TRIES = 3;

/** The server speaks of another person than the link does. */
export class OtherInvitation extends Error {}

/**
 * @param {object} api @param {import("./invitation.js").Invitation} invitation
 * @returns {Promise<{roles: number, isJoined: boolean}>} @throws {OtherInvitation | Refusal}
 */
export async function askInvitation(api, invitation) {
  const key = toBase64Url(invitationKeys(invitation).public);
  const { person, roles, joined } = await api.post("/api/invitation", { key });
  if (person !== toBase64Url(invitation.staffId)) {
    throw new OtherInvitation();
  }
  return { roles, isJoined: joined };
}

/**
 * Everything, made once; the same is sent as often as needed.
 * @param {import("./invitation.js").Invitation} invitation @param {number} roles
 * @param {import("./set_up.js").Typed} typed
 * @returns {Promise<{body: Uint8Array, words: Uint8Array}>} `words` is what is read aloud
 */
export async function makeJoin({ staffId, fingerprint }, roles, typed) {
  const salt = randomBytes(16);
  const parts = await passwordParts(typed.password, salt);
  const seed = randomBytes(32);
  const own = staffKeys(seed);
  const person = {
    staffId,
    shownName: typed.shownName,
    boxKey: own.box.public,
    signKey: own.sign.public,
    roles,
  };
  const body = pack(
    utf8(person.shownName),
    person.boxKey,
    person.signKey,
    loginTag(typed.name),
    salt,
    parts.authentication,
    typed.secret,
    u32(typed.code),
    sealStaffWrap(parts.wrapping, staffId, seed),
  );
  seed.fill(0);
  parts.wrapping.fill(0);
  return { body, words: newcomerHash(fingerprint, person) };
}

/**
 * Sends it; a cut connection is tried again with the same contents.
 * @param {object} api @param {import("./invitation.js").Invitation} invitation
 * @param {Uint8Array} body @param {(ms: number) => Promise<void>} pause
 */
export async function sendJoin(api, invitation, body, pause) {
  const keys = invitationKeys(invitation);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await askJoin(api, keys, body);
      return;
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
