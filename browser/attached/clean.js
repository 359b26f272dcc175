// Takes away what a file says about its maker, byte by byte, without drawing or decoding it. Twin
// of triage/attached.py: the same bytes in, the same bytes out.
//
// JPEG (ITU T.81): everything but what is needed to draw it goes, Exif with its place and its
// thumbnail first of all; of Exif only which way is up is written anew. PNG: all but the chunks
// that draw. WAV: all but the form and the sound. MP3: the tags at both ends. M4A and MP4: boxes that
// do not play become empty ones of the same size. More parts than any camera makes are refused.

import { kindOf } from "./kinds.js";

/** A file that is not of the form of its kind, or too large to draw: refused, never repaired. */
export class Unreadable extends Error {}

function must(condition) {
  if (!condition) {
    throw new Unreadable();
  }
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const u16 = (bytes, at) => (bytes[at] << 8) | bytes[at + 1];
const u32 = (bytes, at) => u16(bytes, at) * 65_536 + u16(bytes, at + 2);
const u32le = (bytes, at) =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)) + bytes[at + 3] * 2 ** 24;
const word = (bytes, at, size) => String.fromCharCode(...bytes.subarray(at, at + size));

// --- JPEG -----------------------------------------------------------------------------------

const APP1 = 0xe1;
const APP14 = 0xee; // Adobe's: says how colours are stored
const SCAN = 0xda;
const END = 0xd9;

/** More pixels are refused: whoever looks at the picture later has to draw it. */
const MOST_PIXELS = 50_000_000;
/** Segments, chunks or tags of one file: each costs time. */
const MOST_PARTS = 20_000;
/** A decoder goes over the whole picture once a scan; cameras and programs make about ten. */
const MOST_SCANS = 100;
const isFrame = (marker) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
/** Tables: Huffman, arithmetic, quantisation, restart; and what is drawn with them. */
const DRAWING = [0xc4, 0xcc, 0xdb, 0xdd, SCAN];
const isColours = (payload) => payload.length === 12 && word(payload, 0, 5) === "Adobe";

/** Where the coded part of a scan ends: at a marker that is no restart and no stuffed byte. */
function afterScan(bytes, from) {
  for (let at = from; at + 1 < bytes.length; at += 1) {
    const next = bytes[at + 1];
    if (bytes[at] === 0xff && next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) {
      return at;
    }
  }
  throw new Unreadable();
}

function cleanJpeg(bytes) {
  const kept = [bytes.subarray(0, 2)];
  let up = 1;
  let scans = 0;
  let at = 2;
  for (let parts = 0; ; parts += 1) {
    must(parts < MOST_PARTS);
    must(at + 4 <= bytes.length || bytes[at + 1] === END);
    must(bytes[at] === 0xff);
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1; // fill bytes may stand before a marker
      continue;
    }
    if (marker === END) {
      kept.push(bytes.subarray(at, at + 2)); // what follows is no part of the picture
      break;
    }
    const end = at + 2 + u16(bytes, at + 2);
    must(end >= at + 4 && end <= bytes.length);
    const payload = bytes.subarray(at + 4, end);
    if (marker === APP1) {
      up = orientation(payload) || up;
    }
    if (isFrame(marker)) {
      const pixels = u16(bytes, at + 5) * u16(bytes, at + 7);
      must(pixels > 0 && pixels <= MOST_PIXELS);
    }
    scans += marker === SCAN ? 1 : 0;
    must(scans <= MOST_SCANS);
    const next = marker === SCAN ? afterScan(bytes, end) : end;
    if (isFrame(marker) || DRAWING.includes(marker) || (marker === APP14 && isColours(payload))) {
      kept.push(bytes.subarray(at, next));
    }
    at = next;
  }
  if (up > 1) {
    kept.splice(1, 0, uprightExif(up));
  }
  return joined(kept);
}

/** The value of the one tag that is kept, 1 to 8; 0 where there is none. */
function orientation(exif) {
  if (word(exif, 0, 6) !== "Exif\0\0" || exif.length < 14) {
    return 0;
  }
  const tiff = exif.subarray(6);
  const little = word(tiff, 0, 2) === "II";
  const short = (at) => (little ? tiff[at] | (tiff[at + 1] << 8) : u16(tiff, at));
  const start = little ? u32le(tiff, 4) : u32(tiff, 4);
  const count = start + 2 <= tiff.length ? short(start) : 0;
  for (let i = 0; i < count; i += 1) {
    const at = start + 2 + 12 * i;
    if (at + 12 > tiff.length) {
      return 0;
    }
    if (short(at) === 0x0112) {
      const value = short(at + 8);
      return value >= 1 && value <= 8 ? value : 0;
    }
  }
  return 0;
}

/** Exif with which way is up and nothing else. */
const uprightExif = (up) =>
  Uint8Array.from([
    ...[0xff, APP1, 0, 34],
    ...[0x45, 0x78, 0x69, 0x66, 0, 0],
    ...[0x4d, 0x4d, 0, 42, 0, 0, 0, 8],
    ...[0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, up, 0, 0],
    ...[0, 0, 0, 0],
  ]);

// --- PNG, WAV, MP3 --------------------------------------------------------------------------

const DRAWN = ["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "sBIT"];

function cleanPng(bytes) {
  const kept = [bytes.subarray(0, 8)];
  let at = 8;
  for (let parts = 0; ; parts += 1) {
    must(parts < MOST_PARTS && at + 12 <= bytes.length);
    const end = at + 12 + u32(bytes, at);
    const name = word(bytes, at + 4, 4);
    must(end <= bytes.length);
    must(name !== "IHDR" || u32(bytes, at + 8) * u32(bytes, at + 12) <= MOST_PIXELS);
    if (DRAWN.includes(name)) {
      kept.push(bytes.subarray(at, end));
    }
    if (name === "IEND") {
      return joined(kept);
    }
    at = end;
  }
}

function cleanWav(bytes) {
  const kept = [bytes.subarray(0, 12)];
  let parts = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = u32le(bytes, at + 4);
    const end = Math.min(at + 8 + size + (size % 2), bytes.length);
    if (["fmt ", "data"].includes(word(bytes, at, 4))) {
      kept.push(bytes.subarray(at, end));
    }
    parts += 1;
    must(parts <= MOST_PARTS);
    at = end;
  }
  must(kept.length >= 3); // the head, the form and the sound
  const all = joined(kept);
  new DataView(all.buffer).setUint32(4, all.length - 8, true);
  return all;
}

function cleanMp3(bytes) {
  let from = 0;
  let to = bytes.length;
  let tags = 0;
  while (word(bytes, from, 3) === "ID3" && from + 10 <= to) {
    const size = [6, 7, 8, 9].reduce((sum, i) => sum * 128 + (bytes[from + i] & 0x7f), 0);
    from += 10 + size + (bytes[from + 5] & 0x10 ? 10 : 0);
    tags += 1;
    must(tags <= MOST_PARTS);
  }
  for (let size; (size = tagAtEnd(bytes, from, to)); ) {
    to -= size;
    tags += 1;
    must(tags <= MOST_PARTS);
  }
  must(from < to);
  return bytes.slice(from, to);
}

/** The size of what ends here and is no sound: ID3v1, what extends it, APEv2; or 0. */
function tagAtEnd(bytes, from, to) {
  for (const [size, name] of [
    [128, "TAG"],
    [227, "TAG+"],
  ]) {
    if (to - from > size && word(bytes, to - size, name.length) === name) {
      return size;
    }
  }
  const foot = to - 32;
  if (foot < from || word(bytes, foot, 8) !== "APETAGEX") {
    return 0;
  }
  const size = u32le(bytes, foot + 12) + (bytes[foot + 23] & 0x80 ? 32 : 0); // its head counts apart
  must(size >= 32 && size <= to - from);
  return size;
}

// --- M4A, MP4 (ISO 14496-12) ----------------------------------------------------------------

/** What stays in the file itself and in boxes of these names; those of no name here stay whole. */
const BOXES = {
  "": ["ftyp", "styp", "moov", "moof", "mdat", "sidx", "mfra"],
  moov: ["mvhd", "trak", "mvex"],
  trak: ["tkhd", "edts", "tref", "mdia"],
  mdia: ["mdhd", "hdlr", "elng", "minf"],
  moof: ["mfhd", "traf"],
};
const TIMED = ["mvhd", "tkhd", "mdhd"];
const FREE = [0x66, 0x72, 0x65, 0x65];

function cleanBoxes(bytes) {
  const left = bytes.slice();
  const inside = [["", 0, bytes.length]];
  for (let parts = 0; inside.length; ) {
    const [owner, from, end] = inside.pop();
    for (let at = from; at < end; parts += 1) {
      must(parts < MOST_PARTS);
      const { name, start, after } = boxAt(bytes, owner, at, end);
      if (!BOXES[owner].includes(name)) {
        left.set(name ? FREE : [], at + 4);
        left.fill(0, start, after);
      } else if (Object.hasOwn(BOXES, name)) {
        inside.push([name, start, after]);
      } else {
        blank(left, name, start, after);
      }
      at = after;
    }
  }
  return left;
}

/** Its name, where what is in it begins, and where it ends. */
function boxAt(bytes, owner, at, end) {
  if (!owner && end - at < 8) {
    return { name: "", start: at, after: end }; // of a few bytes behind the last one no player knows
  }
  must(at + 8 <= bytes.length);
  const name = word(bytes, at + 4, 4);
  let size = u32(bytes, at);
  let start = at + 8;
  if (size === 1) {
    must(start + 8 <= bytes.length);
    size = u32(bytes, start) * 2 ** 32 + u32(bytes, start + 4);
    start += 8;
  } else if (size === 0 && !owner) {
    size = end - at; // to the end of the file
  }
  if (!owner && name === "mdat") {
    size = Math.min(size, end - at); // cut off: what came can be played
  }
  must(start <= at + size && at + size <= end);
  return { name, start, after: at + size };
}

/** Times of making and changing; who made the program that wrote a track, and its name. */
function blank(left, name, start, after) {
  if (TIMED.includes(name)) {
    must(start + 20 <= after);
    left.fill(0, start + 4, start + 4 + (left[start] ? 16 : 8));
  } else if (name === "hdlr") {
    must(start + 24 <= after);
    left.fill(0, start + 12, after);
  }
}

const CLEANERS = {
  jpeg: cleanJpeg,
  png: cleanPng,
  wav: cleanWav,
  mp3: cleanMp3,
  m4a: cleanBoxes,
  mp4: cleanBoxes,
};

/** Kinds of which nothing can be taken away here: they may name a device, a time, a person. */
export const KEPT_AS_THEY_ARE = ["ogg", "webm", "aac", "pdf"];

/**
 * @param {string} kind @param {Uint8Array} bytes
 * @returns {Uint8Array} what is left, which is of the same kind
 * @throws {Unreadable}
 */
export function clean(kind, bytes) {
  const cleaned = (CLEANERS[kind] ?? ((same) => same))(bytes);
  must(kindOf(cleaned) === kind); // the reader looks at that again
  return cleaned;
}
