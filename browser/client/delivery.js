// Sending one message so that it arrives once, whatever the connection does.
//
// 1. What is sent is sealed once; every attempt sends the same ids and the same envelope.
// 2. No answer: one more try by itself. Still none: the page says that it does not know.
// 3. Keys that the server has meanwhile changed: fetched, checked, sealed anew around the same
//    envelope, at most twice.

import { NoAnswer, Refusal } from "./api.js";

const AGAIN_AFTER_MS = 1_500;
const RESEALS = 2;

/**
 * @param {object} way
 * @param {(keys: object) => Promise<object>} way.attempt sends with these keys
 * @param {() => Promise<object>} way.renew fetches and checks new keys
 * @param {(ms: number) => Promise<void>} way.pause
 * @param {object} keys
 * @returns {Promise<object>} the server's answer
 * @throws {NoAnswer} whether it arrived is not known; {Refusal} it did not
 */
export async function deliver({ attempt, renew, pause }, keys) {
  let current = keys;
  let failures = 0;
  let reseals = 0;
  for (;;) {
    try {
      return await attempt(current);
    } catch (error) {
      if (error instanceof NoAnswer && failures === 0) {
        failures += 1;
        await pause(AGAIN_AFTER_MS);
      } else if (error instanceof Refusal && error.code === "stale_keys" && reseals < RESEALS) {
        reseals += 1;
        current = await renew();
      } else {
        throw error;
      }
    }
  }
}
