// Reads the vectors of tests/vectors for tests; nothing here is part of the product.
//
// A case may be written as a change of a good one: `of` names it, `set` replaces arguments, and
// `flip`, `truncate` and `append` damage its blob.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { boxKeys, signKeys } from "../envelope/sealing.js";

export const read = (name) =>
  JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url), "utf8"));

export const un = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const hex = (array) => [...array].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const box = (secret) => boxKeys(un(secret));
export const signer = (seed) => signKeys(un(seed));

/** The whole case, its blob damaged as it asks. */
function resolved(change, good) {
  const whole = { ...good[change.of], ...change.set };
  if ("flip" in change) {
    const blob = un(whole.blob);
    blob[change.flip] ^= 1;
    whole.blob = hex(blob);
  }
  if ("truncate" in change) {
    whole.blob = whole.blob.slice(0, 2 * change.truncate);
  }
  return { ...whole, blob: (whole.blob ?? "") + (change.append ?? "") };
}

/** Runs every change of the good cases, each told by its reason. */
export function changed(changes, good, run) {
  assert.ok(changes.length > 0);
  for (const change of changes) {
    run(resolved(change, good), change.why);
  }
}
