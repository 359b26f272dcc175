// What happens, as it happens: one line of JSON for each change, a beat every 15 seconds. After a
// break it resumes behind the last change it saw; so nothing is missed and nothing comes twice.

import { Refusal } from "./api.js";

const SILENCE_MS = 40_000; // two beats and a half
const WAITS_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

/** @returns {(chunk: string) => string[]} complete lines of what arrives in pieces */
export function newLines() {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    return lines.filter(Boolean);
  };
}

/** @typedef {{number: number, conversation: string | null, what: string}} Change */

/**
 * @param {object} api of newApi
 * @param {number} after the last change known
 * @param {object} told
 * @param {(change: Change) => void} told.change
 * @param {(number: number) => void} [told.team] the roster has so many entries now
 * @param {() => void} told.connected @param {() => void} told.broken
 * @returns {() => void} stops it
 */
export function followChanges(api, after, told) {
  let last = after;
  let stopped = false;
  let failures = 0;
  let timer = null;
  let stop = new AbortController();

  function take(line) {
    const change = JSON.parse(line);
    if (change.team) {
      told.team?.(change.team);
      return;
    }
    if (change.beat || change.number <= last) {
      return;
    }
    last = change.number;
    told.change(change);
  }

  async function follow() {
    stop = new AbortController();
    const own = stop;
    let watch = null;
    const listen = () => {
      clearTimeout(watch);
      watch = setTimeout(() => own.abort(), SILENCE_MS);
    };
    try {
      listen();
      const reader = await api.open("/api/events", { after: last }, own.signal);
      const decoder = new TextDecoder();
      const lines = newLines();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        listen();
        if (failures >= 0) {
          failures = -1; // connected, told once
          told.connected();
        }
        lines(decoder.decode(part.value, { stream: true })).forEach(take);
      }
    } catch (error) {
      if (error instanceof Refusal && error.code === "signed_out") {
        stopped = true;
      }
    } finally {
      clearTimeout(watch);
    }
    if (!stopped) {
      failures = Math.max(0, failures);
      told.broken();
      timer = setTimeout(follow, WAITS_MS[Math.min(failures, WAITS_MS.length - 1)]);
      failures += 1;
    }
  }

  follow();
  return () => {
    stopped = true;
    clearTimeout(timer);
    stop.abort();
  };
}
