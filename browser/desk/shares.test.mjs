// Recovery on paper: any k of n sheets, copied by hand, give the secret; fewer, or others, do not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { WORDS } from "../phrase/words.js";
import {
  joinShares,
  makeShares,
  NotAShare,
  NotTheRecovery,
  readShare,
  recoveryKeys,
  SHARE_WORDS,
} from "./shares.js";

const read = (sheets) => sheets.map((sheet) => readShare(sheet.join(" "), WORDS));

test("any k of n sheets give the secret", async () => {
  for (const [count, needed] of [
    [2, 2],
    [3, 2],
    [5, 3],
  ]) {
    const { secret, sheets } = await makeShares(count, needed, WORDS);
    assert.equal(sheets.length, count);
    for (let from = 0; from < count; from += 1) {
      const some = Array.from({ length: needed }, (_, i) => sheets[(from + i) % count]);
      assert.deepEqual(await joinShares(read(some)), secret);
    }
    assert.deepEqual(await joinShares(read(sheets)), secret);
  }
});

test("a sheet is read as it was copied by hand", async () => {
  const { secret, sheets } = await makeShares(2, 2, WORDS);
  const numbered = sheets[0].map((word, i) => `${i + 1}. ${word.toUpperCase()}`).join("\n");
  const cut = sheets[1].map((word) => word.slice(0, 4)).join(",  ");
  const shares = [readShare(numbered, WORDS), readShare(cut, WORDS)];
  assert.deepEqual(await joinShares(shares), secret);
});

test("a slip is told at once, with its place where a word is none", async () => {
  const { sheets } = await makeShares(2, 2, WORDS);
  const [sheet] = sheets;
  assert.equal(sheet.length, SHARE_WORDS);
  const other = WORDS.find((word) => word !== sheet[3]);
  const wrong = [
    [sheet.slice(1), "count", 0],
    [[], "count", 0],
    [[...sheet.slice(0, 3), "qqqq", ...sheet.slice(4)], "word", 4],
    [[...sheet.slice(0, 3), other, ...sheet.slice(4)], "check", 0],
    [[sheet[1], sheet[0], ...sheet.slice(2)], "check", 0],
  ];
  for (const [words, reason, position] of wrong) {
    if (words.join() !== sheet.join()) {
      assert.throws(
        () => readShare(words.join(" "), WORDS),
        (error) =>
          error instanceof NotAShare && error.reason === reason && error.position === position,
      );
    }
  }
});

test("too few sheets, one twice, or sheets of two sets give nothing", async () => {
  const one = read((await makeShares(3, 2, WORDS)).sheets);
  const other = read((await makeShares(3, 2, WORDS)).sheets);
  const third = { ...other[1], set: (one[0].set + 1) % 256 };
  for (const some of [[], [one[0]], [one[0], one[0]], [one[0], third]]) {
    await assert.rejects(joinShares(some), NotTheRecovery);
  }
});

test("k - 1 sheets say nothing about the keys", async () => {
  const { secret, sheets } = await makeShares(3, 3, WORDS);
  const two = read(sheets.slice(0, 2)).map((share) => ({ ...share, needed: 2 }));
  const wrong = await joinShares(two);
  assert.notDeepEqual(recoveryKeys(wrong).box.public, recoveryKeys(secret).box.public);
});
