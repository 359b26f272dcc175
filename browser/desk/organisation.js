// What the organisation says of itself, signed here by an admin: the server keeps it and cannot
// change a letter of it.

import { fromBase64Url, fromUtf8, pack, toBase64Url, u32, utf8 } from "../envelope/bytes.js";
import { sign, verify } from "../envelope/sealing.js";
import { personOf } from "../roster/roster.js";

const LABEL = "organisation";
const SCHEMA = 1;

/** @returns {Uint8Array} what a signature covers, its label apart */
export const signedPart = (fingerprint, number, body) => pack(fingerprint, u32(number), body);

/**
 * The next version of the details, signed.
 * @param {import("./sign_in.js").Member} member
 * @param {number} number @param {object} details @param {number} now seconds
 * @returns {{number: number, body: string, signature: string}} for /api/office/save
 */
export function signDetails(member, number, details, now) {
  const body = utf8(JSON.stringify({ ...details, schema: SCHEMA, made: now }));
  const part = signedPart(member.roster.fingerprint, number, body);
  const signature = sign(member.keys.sign, LABEL, part);
  return { number, body: toBase64Url(body), signature: toBase64Url(signature) };
}

/**
 * A version as it was kept, with who signed it; `name` is "" where that person has left or the
 * signature does not hold.
 * @param {import("../roster/roster.js").Roster} roster
 * @param {{number: number, signer: string, body: string, signature: string}} version
 * @returns {{number: number, madeMs: number, name: string}}
 */
export function readVersion(roster, { number, signer, body, signature }) {
  const bytes = fromBase64Url(body);
  const person = personOf(roster, fromBase64Url(signer));
  const part = signedPart(roster.fingerprint, number, bytes);
  const holds = person && verify(person.signKey, fromBase64Url(signature), LABEL, part);
  let madeMs = 0;
  try {
    madeMs = JSON.parse(fromUtf8(bytes)).made * 1000;
  } catch {
    // Not ours: it has no time, and nobody's name.
  }
  return { number, madeMs, name: holds && madeMs ? person.shownName : "" };
}

/**
 * @param {object} session api, now (milliseconds) @param {import("./sign_in.js").Member} member
 */
export function newOrganisation({ api, now }, member) {
  const load = () => api.post("/api/office/details", {});
  return {
    load,
    /** @returns {Promise<object>} the readiness list */
    ready: () => api.post("/api/office/ready", {}),

    /**
     * Keeps changed details; what is not named stays as it was last saved.
     * @param {object} changes
     * @param {{number: number, details: object}} [loaded] what the changes were made on
     */
    async save(changes, loaded = null) {
      const { number, details } = loaded ?? (await load());
      const whole = { ...details, ...changes };
      const body = signDetails(member, number + 1, whole, Math.floor(now() / 1000));
      await api.post("/api/office/save", body);
    },
  };
}
