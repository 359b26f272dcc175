// Attachments: Python and JavaScript seal, name and refuse the same.

import assert from "node:assert/strict";
import { test } from "node:test";

import { blake2b } from "@noble/hashes/blake2.js";

import { hex, read, un } from "../tests/vectors.mjs";
import * as attachments from "./attachments.js";
import { CannotOpen } from "./sealing.js";

const VECTORS = read("attachments");
const described = ({ kind, size, id, key, prefix }) => ({
  kind,
  size,
  id: un(id),
  key: un(key),
  prefix: un(prefix),
});
const plainOf = (size) => Uint8Array.from({ length: size }, (_, i) => i % 251);

test("chunks are those of the specification", () => {
  for (const given of VECTORS.good) {
    const one = described(given);
    const ids = [un(given.conversation), un(given.message)];
    const plain = plainOf(given.size);
    const chunks = given.chunks.map((_, i) => attachments.sealChunk(one, ...ids, plain, i));
    assert.deepEqual(
      chunks.map((chunk) => hex(blake2b(chunk, { dkLen: 32 }))),
      given.chunks,
    );
    assert.deepEqual(attachments.openChunks(one, ...ids, chunks), plain);
  }
});

test("what was cut, reordered, moved or changed does not open", () => {
  const size = 3 * attachments.CHUNK;
  const one = attachments.describe("png", size);
  const ids = [un("00".repeat(16)), un("01".repeat(16))];
  const seal = (i) => attachments.sealChunk(one, ...ids, plainOf(size), i);
  const chunks = [0, 1, 2, 3].map(seal);
  const flipped = chunks[1].slice();
  flipped[flipped.length - 1] ^= 1;
  const open = (given, to = ids) => attachments.openChunks(one, ...to, given);
  for (const wrong of [
    chunks.slice(1),
    [...chunks, chunks[3]],
    [chunks[1], chunks[0], chunks[2], chunks[3]],
    [chunks[0], flipped, chunks[2], chunks[3]],
    [],
  ]) {
    assert.throws(() => open(wrong), CannotOpen);
  }
  assert.throws(() => open(chunks, [ids[1], ids[0]]), CannotOpen);
});

test("lists are read and written alike", () => {
  const every = VECTORS.good.map(described);
  assert.deepEqual(attachments.readList(VECTORS.lists[0]), every);
  assert.equal(attachments.writeList(every), VECTORS.lists[0]);
  for (const text of VECTORS.refused) {
    assert.throws(() => attachments.readList(text), CannotOpen, text);
  }
});

test("nothing and eleven megabytes are refused", () => {
  for (const size of [0, attachments.LARGEST + 1, 11_000_000]) {
    assert.throws(() => attachments.describe("jpeg", size), RangeError);
  }
});
