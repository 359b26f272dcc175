// Sealing attachments chunk by chunk on their way out, and fetching them. The same for client and
// desk: who asks hands in how chunks are posted and asked for.

import { fromBase64Url, toBase64Url } from "../envelope/bytes.js";
import {
  chunkCount,
  describe,
  LARGEST,
  MOST,
  openChunks,
  PICTURES,
  sealChunk,
} from "../envelope/attachments.js";
import { clean, Unreadable } from "./clean.js";
import { kindOf } from "./kinds.js";
import { cleanPicture } from "./picture.js";

const AT_ONCE = 4;
const DRAWABLE = [...PICTURES, "gif", "webp"];

/** What cannot be sent, and why: too_many, too_large, kind or unreadable. */
export class NotSendable extends Error {
  /** @param {string} why */
  constructor(why) {
    super(why);
    this.why = why;
  }
}

/**
 * @param {File[]} files chosen by a person
 * @returns {Promise<{kind: string, bytes: Uint8Array}[]>} cleaned, nothing sealed yet
 * @throws {NotSendable}
 */
export async function prepare(files) {
  if (files.length > MOST) {
    throw new NotSendable("too_many");
  }
  const prepared = [];
  for (const file of files) {
    prepared.push(await prepareOne(file));
  }
  return prepared;
}

async function prepareOne(file) {
  if (file.size > LARGEST) {
    throw new NotSendable("too_large");
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const kind = kindOf(bytes);
  if (!kind) {
    throw new NotSendable("kind");
  }
  try {
    const cleaned = DRAWABLE.includes(kind)
      ? await cleanPicture(bytes, kind, LARGEST)
      : { kind, bytes: clean(kind, bytes) };
    if (cleaned.bytes.length === 0) {
      throw new Unreadable();
    }
    return cleaned;
  } catch (error) {
    throw error instanceof Unreadable ? new NotSendable("unreadable") : error;
  }
}

/**
 * Seals and posts, a few chunks at a time.
 * @param {{kind: string, bytes: Uint8Array}[]} prepared
 * @param {Uint8Array} conversationId @param {Uint8Array} messageId
 * @param {(body: {attachment: string, chunks: number, first: number, sealed: string[]}) =>
 *   Promise<unknown>} post
 * @param {(share: number) => void} progress from 0 to 1
 * @returns {Promise<import("../envelope/attachments.js").Described[]>}
 */
export async function sealAndPost(prepared, conversationId, messageId, post, progress) {
  const described = prepared.map(({ kind, bytes }) => describe(kind, bytes.length));
  const total = described.reduce((sum, { size }) => sum + chunkCount(size), 0);
  let done = 0;
  for (const [i, one] of described.entries()) {
    const chunks = chunkCount(one.size);
    for (let first = 0; first < chunks; first += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, chunks - first) }, (_, n) => first + n);
      const sealed = numbers.map((n) =>
        toBase64Url(sealChunk(one, conversationId, messageId, prepared[i].bytes, n)),
      );
      await post({ attachment: toBase64Url(one.id), chunks, first, sealed });
      done += numbers.length;
      progress(done / total);
    }
  }
  return described;
}

/**
 * Fetches, opens, and looks again at what a sender should have looked at: a program that is not
 * ours could have called a page a picture, or sent one that no machine can draw.
 * @param {import("../envelope/attachments.js").Described} one
 * @param {Uint8Array} conversationId @param {Uint8Array} messageId
 * @param {(body: {attachment: string, first: number}) => Promise<{sealed: string[]}>} ask
 * @returns {Promise<Uint8Array>} of the kind that was named, cleaned
 * @throws {import("../envelope/sealing.js").CannotOpen | Unreadable}
 */
export async function fetchAndOpen(one, conversationId, messageId, ask) {
  const chunks = [];
  while (chunks.length < chunkCount(one.size)) {
    const { sealed } = await ask({ attachment: toBase64Url(one.id), first: chunks.length });
    if (!sealed.length) {
      break; // openChunks says that some are missing
    }
    chunks.push(...sealed.map(fromBase64Url));
  }
  const bytes = openChunks(one, conversationId, messageId, chunks);
  if (kindOf(bytes) !== one.kind) {
    throw new Unreadable();
  }
  return clean(one.kind, bytes);
}
