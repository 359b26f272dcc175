// What a page proposes that asks to go on with a chat's conversation: docs/envelope.md, section 14.
// Twin of vault/page_proposal.py.

import { pack } from "./bytes.js";
import { labelledHash } from "./sealing.js";

/**
 * @typedef {object} Proposal the public side of a phrase
 * @property {Uint8Array} lookupTag @property {Uint8Array} verifyKey @property {Uint8Array} boxKey
 */

/** @param {Proposal} proposal @returns {Uint8Array} 32 bytes that name all three */
export const proposalHash = ({ lookupTag, verifyKey, boxKey }) =>
  labelledHash("page-keys", pack(lookupTag, verifyKey, boxKey));
