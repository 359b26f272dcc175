import assert from "node:assert/strict";
import { test } from "node:test";

import { randomBytes } from "../envelope/bytes.js";
import { isNear, isSameMark, isWordOf, markOf, plainMark, SHAPES, TONES } from "./mark.js";
import { isFromElsewhere, isNearName, similarTo } from "./similar.js";

const id = (n) => Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? n : 0));

test("a mark is the same for the same id, on every desk", () => {
  assert.deepEqual(markOf(id(7)), markOf(id(7)));
  // Fixed once and for all: who changes how a mark is made renames everybody who is open.
  assert.equal(plainMark(markOf(id(1))), FIXED[0]);
  assert.equal(markOf(id(1)).shape, FIXED[1]);
});

const FIXED = ["Sled 41", "triangle_up"];

test("marks are spread over shapes, words and numbers", () => {
  const marks = Array.from({ length: 2_000 }, () => markOf(randomBytes(16)));
  assert.equal(new Set(marks.map(({ shape }) => shape)).size, SHAPES.length);
  assert.equal(new Set(marks.map(({ tone }) => tone)).size, TONES);
  assert.ok(new Set(marks.map(({ word }) => word)).size > 450);
  assert.ok(marks.every(({ number }) => number >= 10 && number <= 99));
});

test("equal and nearly equal marks are seen", () => {
  const mark = { shape: "diamond", word: "Lantern", number: 47, tone: 4 };
  assert.ok(isSameMark(mark, { ...mark }));
  assert.ok(isNear(mark, { ...mark, shape: "circle", number: 12 }));
  assert.ok(isNear(mark, { ...mark, word: "Lanolin" }));
  assert.ok(!isNear(mark, { ...mark, word: "Saddle" }));
  assert.ok(!isNear(mark, { ...mark, word: "Lanolin", number: 48 }));
});

test("the word of a mark is taken in any case", () => {
  const mark = { shape: "diamond", word: "Lantern", number: 47, tone: 4 };
  assert.ok(isWordOf(mark, " lanTERN "));
  assert.ok(!isWordOf(mark, "lanterns"));
  assert.ok(!isWordOf(mark, ""));
});

test("names that could be taken for each other", () => {
  for (const [a, b] of [
    ["Mira", "mira"],
    ["Mira", "Miro"],
    ["Mira", "Mirá"],
    ["Mira", "Mirra"],
    ["Mira", "Mria"],
  ]) {
    assert.ok(isNearName(a, b), `${a} ${b}`);
  }
  for (const [a, b] of [
    ["Mira", "Jo"],
    ["", ""],
    ["Mira", ""],
    ["Mira", "Mirabel"],
    ["🙂", "🙂"],
  ]) {
    assert.ok(!isNearName(a, b), `${a} ${b}`);
  }
});

test("somebody is never similar to themselves", () => {
  const one = { conversation: "a", mark: markOf(id(1)), name: "Mira" };
  assert.equal(similarTo(one, [one]), undefined);
  const twin = { conversation: "b", mark: markOf(id(2)), name: "Miro" };
  assert.equal(similarTo(one, [one, twin]), twin);
});

test("text from another conversation is recognised, short pieces are not", () => {
  const elsewhere = ["Thank you for writing. Are you alone now?"];
  assert.ok(isFromElsewhere("Are you alone now?", elsewhere));
  assert.ok(!isFromElsewhere("alone now?", elsewhere));
  assert.ok(!isFromElsewhere("Something quite different", elsewhere));
});
