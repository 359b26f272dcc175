// The team's keys as this member holds them, each believed only where the roster says the same.

import { equal } from "../envelope/bytes.js";
import { CannotOpen } from "../envelope/sealing.js";
import { openEarlierSeed, openGrant, teamKeys } from "../envelope/wraps.js";

/**
 * @typedef {import("../envelope/wraps.js").KeyPairs & {seed: Uint8Array}} EpochKeys
 * @typedef {Map<number, EpochKeys>} TeamKeys by epoch
 */

/** Whether a seed makes the keys that the roster names for an epoch. */
function keysOf(seed, epoch) {
  const keys = teamKeys(seed);
  const isNamed = equal(keys.box.public, epoch.boxKey) && equal(keys.sign.public, epoch.signKey);
  return isNamed ? { ...keys, seed } : null;
}

/** What `work` gives, or null where it does not open. */
function orNull(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof CannotOpen) {
      return null;
    }
    throw error;
  }
}

/**
 * Every epoch that these grants open, directly or through the seed that a later epoch keeps.
 * @param {import("../envelope/sealing.js").BoxKeys} member
 * @param {Uint8Array[]} grants @param {import("../roster/roster.js").Roster} roster
 * @returns {TeamKeys}
 */
export function openTeam(member, grants, roster) {
  const keys = new Map();
  for (const epoch of [...roster.epochs].reverse()) {
    const seeds = grants.map((grant) => orNull(() => openGrant(member, grant, epoch.number)));
    const later = keys.get(epoch.number + 1);
    const kept = roster.epochs[epoch.number]?.earlierSeed; // of the epoch after this one
    if (later && kept?.length) {
      seeds.push(orNull(() => openEarlierSeed(later.box, kept, epoch.number)));
    }
    const named = seeds.map((seed) => seed && keysOf(seed, epoch)).find(Boolean);
    if (named) {
      keys.set(epoch.number, named);
    }
  }
  return keys;
}
