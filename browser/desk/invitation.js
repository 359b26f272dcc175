// Invitations: a key whose seed is made here and travels in the link's fragment, which no browser
// sends to any server. Desk and keeper see its public half (docs/keeper.md, how somebody joins).

import { concat, fromBase64Url, randomBytes, toBase64Url } from "../envelope/bytes.js";
import { derive, signKeys } from "../envelope/sealing.js";

const INVITATION = /^#invite=([A-Za-z0-9_-]{107})$/;

/**
 * @typedef {object} Invitation
 * @property {Uint8Array} seed 32 bytes @property {Uint8Array} staffId whom it is for
 * @property {Uint8Array} fingerprint of the root that the team trusts
 */

/** @param {Uint8Array} staffId @param {Uint8Array} fingerprint @returns {Invitation} */
export const newInvitation = (staffId, fingerprint) => ({
  seed: randomBytes(32),
  staffId,
  fingerprint,
});

/** @param {Invitation} invitation @returns {import("../envelope/sealing.js").SignKeys} */
export const invitationKeys = ({ seed }) => signKeys(derive(seed, "invitation"));

/** @param {Invitation} invitation @param {string} desk its address @returns {string} */
export const linkOf = ({ seed, staffId, fingerprint }, desk) =>
  `${desk}#invite=${toBase64Url(concat(seed, staffId, fingerprint))}`;

/** @param {string} fragment of the address @returns {Invitation | null} */
export function readInvitation(fragment) {
  const found = INVITATION.exec(fragment);
  if (!found) {
    return null;
  }
  const bytes = fromBase64Url(found[1]);
  return {
    seed: bytes.slice(0, 32),
    staffId: bytes.slice(32, 48),
    fingerprint: bytes.slice(48),
  };
}
