// The client page's rules, without a page: cleaning, splitting, delivery, leaving, idling, slips.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NotAPhrase, readPhrase } from "../phrase/phrase.js";
import { WORDS } from "../phrase/words.js";
import { NoAnswer, Refusal } from "./api.js";
import { replaceWord, slipOf } from "./coming_back.js";
import { fromField, toField } from "./dates.js";
import { deliver } from "./delivery.js";
import { CLEAR_MS, COVER_MS, stageAt, WARN_MS } from "./idle.js";
import { newShiftCount } from "./leaving.js";
import { newTaps } from "./menu.js";
import { clean, cleanName, isEmpty, splitText, tooLongBy } from "./text.js";

const LONGEST = { characters: 4000, bytes: 15000, name: 40 };

test("cleaning leaves out controls and direction overrides, counts them, and keeps joiners", () => {
  assert.deepEqual(clean("a\u202eb\u0000c\u2066"), { text: "abc", leftOut: 3 });
  assert.deepEqual(clean("\u0646\u200c\u0627 👩\u200d🚒"), { text: "\u0646\u200c\u0627 👩\u200d🚒", leftOut: 0 });
  assert.deepEqual(clean("a\r\nb\rc\u2028d"), { text: "a\nb\nc\nd", leftOut: 0 });
  assert.equal(clean("x\ud800y").text, "x\ufffdy");
  assert.equal(clean("😀").text, "😀");
});

test("cleaning what is clean changes nothing", () => {
  for (const raw of ["\u202e\u0007 a", "ordinary", "ا\u200fب", "\ud83d"]) {
    const once = clean(raw).text;
    assert.deepEqual(clean(once), { text: once, leftOut: 0 });
  }
});

test("a text of spaces and invisible signs is empty, an emoji is not", () => {
  assert.ok(isEmpty(" \n\u200b\u2060\u3164"));
  assert.ok(!isEmpty("🆘"));
});

test("a name is one line of at most forty characters", () => {
  assert.equal(cleanName(" Mi\nra\u202e ", 40), "Mi ra");
  assert.equal([...cleanName("x".repeat(90), 40)].length, 40);
  assert.equal(cleanName("\u200b", 40), "");
});

test("too long is told in characters, and splitting loses nothing", () => {
  assert.equal(tooLongBy("a".repeat(4000), LONGEST), 0);
  assert.equal(tooLongBy("a".repeat(4007), LONGEST), 7);
  assert.ok(tooLongBy("😀".repeat(3900), LONGEST) > 0);
  for (const text of ["word ".repeat(1500), "😀".repeat(3900), "x".repeat(9000)]) {
    const [first, rest] = splitText(text, LONGEST);
    assert.equal(first + rest, text);
    assert.equal(tooLongBy(first, LONGEST), 0);
    assert.ok(first.length > 0);
  }
  const [first] = splitText("word ".repeat(1500), LONGEST);
  assert.ok(first.endsWith(" "));
});

const way = (attempts, renewed = []) => ({
  attempt: async (keys) => {
    const next = attempts.shift();
    if (next instanceof Error) {
      throw next;
    }
    return { ...next, keys };
  },
  renew: async () => {
    renewed.push(1);
    return `keys ${renewed.length}`;
  },
  pause: async () => undefined,
});

test("one cut connection is tried again by itself, two are told", async () => {
  const ok = await deliver(way([new NoAnswer(), { stored: true }]), "keys 0");
  assert.equal(ok.stored, true);
  await assert.rejects(deliver(way([new NoAnswer(), new NoAnswer(), {}]), "k"), NoAnswer);
});

test("stale keys are renewed at most twice; any other refusal is told at once", async () => {
  const stale = () => new Refusal("stale_keys", {});
  const ok = await deliver(way([stale(), { stored: true }]), "keys 0");
  assert.equal(ok.keys, "keys 1");
  await assert.rejects(deliver(way([stale(), stale(), stale()]), "k"), { code: "stale_keys" });
  await assert.rejects(deliver(way([new Refusal("closed", {}), {}]), "k"), { code: "closed" });
});

const presses = (...keys) => {
  const count = newShiftCount();
  let at = 0;
  let left = false;
  for (const key of keys) {
    at += 400;
    count.down(key, false, at);
    left = count.up(key, at + 50) || left;
  }
  return left;
};

test("three Shifts leave, left or right; any other key starts again", () => {
  assert.ok(presses("Shift", "Shift", "Shift"));
  assert.ok(!presses("Shift", "Shift"));
  assert.ok(!presses("Shift", "Shift", "a", "Shift"));
  assert.ok(presses("a", "Shift", "Shift", "Shift"));
});

test("typing capitals or switching keyboards never leaves", () => {
  const count = newShiftCount();
  for (let i = 0; i < 6; i += 1) {
    count.down("Shift", false, i * 100);
    count.down("A", false, i * 100 + 10);
    assert.ok(!count.up("A", i * 100 + 20));
    assert.ok(!count.up("Shift", i * 100 + 30));
  }
  for (let i = 0; i < 6; i += 1) {
    count.down("Shift", true, i * 100);
    assert.ok(!count.up("Shift", i * 100 + 30));
  }
});

test("Shifts slower than five seconds do not add up", () => {
  const count = newShiftCount();
  for (const at of [0, 4000, 8000, 12000]) {
    count.down("Shift", false, at);
    assert.ok(!count.up("Shift", at));
  }
});

test("the screen is covered after 3 minutes, warned from 9, cleared at 10", () => {
  assert.equal(stageAt(COVER_MS - 1), "awake");
  assert.equal(stageAt(COVER_MS), "covered");
  assert.equal(stageAt(WARN_MS), "warned");
  assert.equal(stageAt(CLEAR_MS), "cleared");
  assert.deepEqual([COVER_MS, WARN_MS, CLEAR_MS], [180_000, 540_000, 600_000]);
});

const t = (id, values = {}) => `${id} ${JSON.stringify(values)}`;

test("a slip is told with the place of the word and words to choose from", () => {
  const typed = `${WORDS.slice(0, 7).join(" ")} qqqqq`;
  let slip;
  try {
    readPhrase(typed, WORDS);
  } catch (error) {
    assert.ok(error instanceof NotAPhrase);
    slip = slipOf(error, t);
  }
  assert.ok(slip.text.startsWith("c27.unknown_word"));
  assert.ok(slip.text.includes('"number":8'));
  assert.equal(replaceWord("river papr winter", 2, "paper"), "river paper winter");
});

test("a chosen day ends at its last minute, never past the latest, never before the soonest", () => {
  const soonest = new Date(2026, 10, 21, 15, 0).getTime() / 1000;
  const latest = new Date(2026, 11, 5, 10, 0).getTime() / 1000;
  assert.equal(fromField("2026-12-05", soonest, latest), latest);
  assert.equal(fromField("2026-11-30", soonest, latest), new Date(2026, 10, 30, 23).getTime() / 1000);
  assert.ok(fromField("2026-11-21", soonest, latest) >= soonest);
  assert.equal(fromField("2026-11-20", soonest, latest), null);
  assert.equal(fromField("2026-12-06", soonest, latest), null);
  assert.equal(fromField("soon", soonest, latest), null);
  assert.equal(toField(latest), "2026-12-05");
});

test("a tap on a language counts until the next one, and while the page is as it was", () => {
  let state = "opening";
  const page = { first: {}, other: {} };
  let running = page.first;
  const tap = newTaps(() => [running, state]);
  const first = tap();
  assert.ok(first());
  const second = tap();
  assert.deepEqual([first(), second()], [false, true]);
  state = "phrase";
  assert.ok(!second());
  state = "opening";
  assert.ok(second(), "the cover came and went");
  running = page.other;
  assert.deepEqual([first(), second(), tap()()], [false, false, true]);
});
