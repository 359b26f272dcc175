// What the organisation says of itself, signed here by an admin: the server keeps it and cannot
// change a letter of it. The keeper pins each version, so that no older one passes for the newest.

import { equal, fromBase64Url, fromUtf8, pack, toBase64Url, u32, utf8 } from "../envelope/bytes.js";
import { labelledHash, sign, verify } from "../envelope/sealing.js";
import { personOf } from "../roster/roster.js";
import { freshNonce, prove } from "./keeper.js";

const LABEL = "organisation";
const SCHEMA = 1;
const PIN_DETAILS = 0x4c;
const MOST_BEFORE_PINNING = 100_000;
/** What a version says of itself and not of the organisation. */
const OWN = ["schema", "made"];

/** What the server shows is not the version that the keeper has pinned: nothing is signed on it. */
export class NotNewest extends Error {}

/** @returns {Uint8Array} what a signature covers, its label apart */
export const signedPart = (fingerprint, number, body) => pack(fingerprint, u32(number), body);

/** @returns {Uint8Array} what the keeper pins of a version */
export const detailsHash = (fingerprint, number, signer, body, signature) =>
  labelledHash("details", pack(fingerprint, u32(number), signer, body, signature));

/**
 * The next version of the details, signed.
 * @param {import("./sign_in.js").Member} member
 * @param {number} number @param {object} details @param {number} now seconds
 * @returns {{number: number, body: Uint8Array, signature: Uint8Array}}
 */
export function signDetails(member, number, details, now) {
  const body = utf8(JSON.stringify({ ...details, schema: SCHEMA, made: now }));
  const part = signedPart(member.roster.fingerprint, number, body);
  return { number, body, signature: sign(member.keys.sign, LABEL, part) };
}

/**
 * A version as it was kept, with who signed it; `name` is "" where that person has left or the
 * signature does not hold.
 * @param {import("../roster/roster.js").Roster} roster
 * @param {{number: number, signer: string, body: string, signature: string}} version
 * @returns {{number: number, madeMs: number, name: string, said: object}}
 */
export function readVersion(roster, { number, signer, body, signature }) {
  const bytes = fromBase64Url(body);
  const person = personOf(roster, fromBase64Url(signer));
  const part = signedPart(roster.fingerprint, number, bytes);
  const holds = person && verify(person.signKey, fromBase64Url(signature), LABEL, part);
  let said = {};
  try {
    said = JSON.parse(fromUtf8(bytes));
  } catch {
    // Not ours: it has no time, and nobody's name.
  }
  const madeMs = said.made * 1000 || 0;
  return { number, madeMs, name: holds && madeMs ? person.shownName : "", said };
}

/** The same for the same value, in whichever order its names stand. */
const canonical = (value) =>
  JSON.stringify(value ?? null, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
const isSame = (one, other) => canonical(one) === canonical(other);
const isEmpty = (value) => value === "" || value === null || value?.length === 0;

/** @returns {string[]} which details differ, by their names in the version */
export const changedBetween = (before, after) =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !OWN.includes(name) && !isSame(before[name], after[name]),
  );

/**
 * Looks whether what was loaded is the version that the keeper has pinned, to the letter.
 * @param {import("../roster/roster.js").Roster} roster @param {object} loaded
 * @throws {NotNewest}
 */
export function checkNewest(roster, { number, details, pinned, missing, versions }) {
  if (!pinned || missing) {
    return; // none yet, or none any more: the desk says so, and all of it is filled in anew
  }
  const newest = versions.find((one) => one.number === number);
  if (!newest) {
    throw new NotNewest();
  }
  const [signer, body, signature] = ["signer", "body", "signature"].map((name) =>
    fromBase64Url(newest[name]),
  );
  const digest = detailsHash(roster.fingerprint, number, signer, body, signature);
  const { said } = readVersion(roster, newest);
  // While others can reach the page it is for real, whatever was chosen.
  const told = Object.keys(said).filter((name) => ![...OWN, "mode"].includes(name));
  const isShown = told.every((name) => isEmpty(said[name]) || isSame(said[name], details[name]));
  if (!equal(digest, fromBase64Url(pinned)) || !isShown) {
    throw new NotNewest();
  }
}

/**
 * @param {object} session api, now (milliseconds) @param {import("./sign_in.js").Member} member
 */
export function newOrganisation({ api, now }, member) {
  const load = () => api.post("/api/office/details", {});

  async function pin({ number, body, signature }) {
    const { fingerprint } = member.roster;
    const digest = detailsHash(fingerprint, number, member.staffId, body, signature);
    const { nonce } = await freshNonce(api);
    const signed = [member.staffId, u32(number), digest];
    const proof = prove(member.keys.sign, nonce, PIN_DETAILS, signed);
    const { answer } = await api.post("/api/office/save", {
      number,
      body: toBase64Url(body),
      signed: toBase64Url(signature),
      ...proof.fields,
    });
    proof.read(answer, 0);
  }

  return {
    load,
    /** @returns {Promise<object>} the readiness list */
    ready: () => api.post("/api/office/ready", {}),

    /**
     * Keeps changed details; what is not named stays as it was last saved.
     * @param {object} changes
     * @param {{number: number, details: object}} [loaded] what the changes were made on
     * @throws {NotNewest} where that is not what the keeper has pinned
     */
    async save(changes, loaded = null) {
      const base = loaded ?? (await load());
      checkNewest(member.roster, base);
      if (!base.pinned && base.number >= MOST_BEFORE_PINNING) {
        throw new NotNewest(); // after the highest number that fits nothing could ever be saved
      }
      const whole = { ...base.details, ...changes };
      await pin(signDetails(member, base.number + 1, whole, Math.floor(now() / 1000)));
    },
  };
}
