// The team's keys as this member holds them, each believed only where the roster says the same.

import { equal } from "../envelope/bytes.js";
import { CannotOpen } from "../envelope/sealing.js";
import { openGrant, readEarlierSeed, teamKeys } from "../envelope/wraps.js";

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
 * Every epoch that these grants open, directly or through the seed that a later epoch keeps: of the
 * one before it, or where who began it could not open that, of the newest they could.
 * @param {import("../envelope/sealing.js").BoxKeys} member
 * @param {Uint8Array[]} grants @param {import("../roster/roster.js").Roster} roster
 * @returns {TeamKeys}
 */
export function openTeam(member, grants, roster) {
  const keys = new Map();
  /** @type {Map<number, Uint8Array[]>} what opened epochs keep of earlier ones */
  const kept = new Map();
  for (const epoch of [...roster.epochs].reverse()) {
    const { number, earlierSeed } = epoch;
    const given = grants.map((grant) => orNull(() => openGrant(member, grant, number)));
    const seeds = [...given, ...(kept.get(number) ?? [])];
    const named = seeds.map((seed) => seed && keysOf(seed, epoch)).find(Boolean);
    if (!named) {
      continue;
    }
    keys.set(number, named);
    const earlier = earlierSeed?.length && orNull(() => readEarlierSeed(named.box, earlierSeed));
    if (earlier) {
      kept.set(earlier.epoch, [...(kept.get(earlier.epoch) ?? []), earlier.seed]);
    }
  }
  return keys;
}
