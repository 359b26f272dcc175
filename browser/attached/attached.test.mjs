// What a file is and what is taken out of it: Python and JavaScript do the same.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { clean, Unreadable } from "./clean.js";
import { kindOf } from "./kinds.js";
import { fetchAndOpen, sealAndPost } from "./carry.js";

const file = new URL("../../tests/triage/vectors/attached.json", import.meta.url);
const VECTORS = JSON.parse(readFileSync(file, "utf8"));
const un = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

test("the same bytes are left", () => {
  for (const { kind, before, after, why } of VECTORS.cleaned) {
    assert.equal(kindOf(un(before)), kind, why);
    assert.equal(hex(clean(kind, un(before))), after, why);
  }
});

test("the same is refused", () => {
  for (const { kind, before, why } of VECTORS.refused) {
    assert.throws(() => clean(kind, un(before)), Unreadable, why);
  }
});

test("files in too many parts are refused", () => {
  for (const { kind, why, start, part, times, end, left } of VECTORS.repeated) {
    const whole = un(start + part.repeat(times) + end);
    if (left === null) {
      assert.throws(() => clean(kind, whole), Unreadable, `${kind}: ${why}`);
    } else {
      assert.equal(clean(kind, whole).length, left, `${kind}: ${why}`);
    }
  }
});

test("what is no picture, sound, film or document of ours has no kind", () => {
  const texts = ["<!doctype html>", "<svg xmlns=", "PK\x03\x04", "MZ", "\x7fELF", "RIFF....AVI ", ""];
  for (const text of texts) {
    assert.equal(kindOf(new TextEncoder().encode(text)), "", text);
  }
  assert.equal(kindOf(new TextEncoder().encode("\0\0\0\x18ftypheic")), "");
  assert.equal(kindOf(new TextEncoder().encode("\0\0\0\x18ftypM4A ")), "m4a");
});

test("chunks are posted a few at a time, fetched and opened", async () => {
  const stored = new Map();
  const post = async ({ attachment, chunks, first, sealed }) => {
    assert.ok(sealed.length <= 4);
    sealed.forEach((one, i) => stored.set(`${attachment} ${first + i}`, one));
    assert.equal(chunks, 8);
  };
  const ask = async ({ attachment, first }) => ({
    sealed: [0, 1, 2, 3].map((i) => stored.get(`${attachment} ${first + i}`)).filter(Boolean),
  });
  const bytes = Uint8Array.from({ length: 5 * 65_536 }, (_, i) => i % 253);
  bytes.set(new TextEncoder().encode("OggS"));
  const [id, message] = [new Uint8Array(16), new Uint8Array(16).fill(1)];
  const shares = [];
  const prepared = [{ kind: "ogg", bytes }];
  const [one] = await sealAndPost(prepared, id, message, post, (share) => shares.push(share));
  assert.deepEqual(shares, [0.5, 1]);
  assert.deepEqual(await fetchAndOpen(one, id, message, ask), bytes);
  stored.delete([...stored.keys()].pop());
  await assert.rejects(fetchAndOpen(one, id, message, ask));
});

test("what is not what it is called, or cannot be drawn, does not open", async () => {
  const bomb = un(VECTORS.refused.find(({ why }) => why === "a few pixels too many").before);
  const page = new TextEncoder().encode("<!doctype html><script>alert(1)</script>");
  const [id, message] = [new Uint8Array(16), new Uint8Array(16).fill(1)];
  for (const [kind, bytes] of [
    ["png", bomb],
    ["png", page],
    ["jpeg", bomb],
  ]) {
    let stored;
    const post = async ({ sealed }) => (stored = sealed);
    const [one] = await sealAndPost([{ kind, bytes }], id, message, post, () => undefined);
    await assert.rejects(fetchAndOpen(one, id, message, async () => ({ sealed: stored })), Unreadable);
  }
});
