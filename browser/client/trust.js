// What this page believes of the server's keys, and why.

import { equal, fromBase64Url } from "../envelope/bytes.js";
import { isScreeningKeyVerified } from "../envelope/wraps.js";
import { liesOnChain, RosterError, verifyChain } from "../roster/roster.js";

/** The keys that the server gave do not hold together: nothing may be written. */
export class Unproven extends Error {}

/**
 * @typedef {object} Keys
 * @property {import("../roster/roster.js").Roster} roster verified
 * @property {Uint8Array} start the keeper's start key
 * @property {Uint8Array | null} screening the caretaker's key; null: screening is off
 * @property {{inactivity_hours: number, absolute_hours: number, closed_hours: number}} promise
 */

/**
 * @param {object} given as in the page's configuration, or from /api/keys
 * @param {Uint8Array} [fingerprint] of the root that is already known
 * @returns {Keys} @throws {Unproven}
 */
export function readKeys(given, fingerprint) {
  const roster = readRoster(given.roster, fingerprint);
  const screening = given.screening && fromBase64Url(given.screening.key);
  if (screening) {
    const signature = fromBase64Url(given.screening.signature);
    if (!isScreeningKeyVerified(roster.founding.caretakerSignKey, screening, signature)) {
      throw new Unproven();
    }
  }
  return { roster, start: fromBase64Url(given.start_key), screening, promise: given.promise };
}

/**
 * @param {string[]} entries @param {Uint8Array} [fingerprint]
 * @param {Uint8Array} [head] that must lie on the chain
 * @returns {import("../roster/roster.js").Roster} @throws {Unproven}
 */
export function readRoster(entries, fingerprint, head) {
  try {
    const roster = verifyChain(entries.map(fromBase64Url), fingerprint);
    if (head && !liesOnChain(roster, head)) {
      throw new Unproven();
    }
    return roster;
  } catch (error) {
    throw error instanceof RosterError ? new Unproven() : error;
  }
}

/** @param {Uint8Array} a @param {Uint8Array} b @throws {Unproven} unless they are the same */
export function same(a, b) {
  if (!equal(a, b)) {
    throw new Unproven();
  }
}
