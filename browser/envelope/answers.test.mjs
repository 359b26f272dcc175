// Answers to optional questions: Python and JavaScript read and write the same text.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { answersText, readAnswers } from "./answers.js";

const file = new URL("../../tests/triage/vectors/answers.json", import.meta.url);
const VECTORS = JSON.parse(readFileSync(file, "utf8"));

test("answers are read as they were written", () => {
  for (const { text, answers } of VECTORS.good) {
    assert.deepEqual([...readAnswers(text)], answers, text);
    assert.equal(answersText(new Map(answers)), text);
  }
});

test("anything else is no answers", () => {
  for (const text of VECTORS.refused) {
    assert.equal(readAnswers(text), null, text);
  }
});
