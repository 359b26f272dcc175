// What a file is, by its first bytes, never by its name or by what a browser calls it. Twin of
// triage/attached.py, which has the rules and shares its vectors.

const text = (bytes, at, size) => String.fromCharCode(...bytes.subarray(at, at + size));
const begins = (bytes, ...start) => start.every((byte, i) => bytes[i] === byte);

/** MP4 brands that hold sound alone, or may. */
const SOUND_BRANDS = ["M4A ", "M4B "];
const FILM_BRANDS = ["isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "3gp4", "3gp5", "3gp6", "qt  "];

/**
 * @param {Uint8Array} bytes the beginning of a file, 64 bytes at least where it has them
 * @returns {string} a kind of docs/envelope.md, section 9, or "gif" or "webp", which are only
 *   pictures to be drawn anew; "" for everything else
 */
export function kindOf(bytes) {
  if (begins(bytes, 0xff, 0xd8, 0xff)) {
    return "jpeg";
  }
  if (begins(bytes, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) {
    return "png";
  }
  const four = text(bytes, 0, 4);
  if (four === "RIFF") {
    return { WAVE: "wav", WEBP: "webp" }[text(bytes, 8, 4)] ?? "";
  }
  if (four === "ftyp" || text(bytes, 4, 4) === "ftyp") {
    const brand = text(bytes, 8, 4);
    return SOUND_BRANDS.includes(brand) ? "m4a" : FILM_BRANDS.includes(brand) ? "mp4" : "";
  }
  if (begins(bytes, 0x1a, 0x45, 0xdf, 0xa3)) {
    return text(bytes, 0, 64).includes("webm") ? "webm" : "";
  }
  if (text(bytes, 0, 3) === "ID3" || (bytes[0] === 0xff && (bytes[1] & 0xe6) === 0xe2)) {
    return "mp3";
  }
  if (bytes[0] === 0xff && (bytes[1] & 0xf6) === 0xf0) {
    return "aac";
  }
  return { OggS: "ogg", GIF8: "gif", "%PDF": "pdf" }[four] ?? "";
}

/** What a browser is told a blob of this kind is. */
export const TYPES = {
  jpeg: "image/jpeg",
  png: "image/png",
  ogg: "audio/ogg",
  mp3: "audio/mpeg",
  m4a: "audio/mp4",
  wav: "audio/wav",
  webm: "audio/webm",
  aac: "audio/aac",
  pdf: "application/pdf",
  mp4: "video/mp4",
};
