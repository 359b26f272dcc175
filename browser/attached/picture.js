// A picture drawn anew: what is left is what can be seen. Browsers that guard people against being
// recognised (Tor Browser) hand out noise from a canvas; then the bytes are cleaned instead.

import { clean, Unreadable } from "./clean.js";

const LONGEST_SIDE = 4_096;
const QUALITY = 0.88;
const COLOURS = ["#12f634", "#a03060", "#0102fe", "#fefdfc"];

/** Whether a canvas gives back what was drawn on it. */
function isHonest() {
  const canvas = document.createElement("canvas");
  canvas.width = COLOURS.length;
  canvas.height = 1;
  const drawing = canvas.getContext("2d");
  if (!drawing) {
    return false;
  }
  COLOURS.forEach((colour, x) => {
    drawing.fillStyle = colour;
    drawing.fillRect(x, 0, 1, 1);
  });
  const { data } = drawing.getImageData(0, 0, COLOURS.length, 1);
  return COLOURS.every((colour, x) =>
    [1, 3, 5].every((at, i) => parseInt(colour.slice(at, at + 2), 16) === data[4 * x + i]),
  );
}

/**
 * @param {Uint8Array} bytes @param {string} kind jpeg, png, gif or webp @param {number} largest
 * @returns {Promise<{kind: string, bytes: Uint8Array}>}
 * @throws {Unreadable} what is no picture, or cannot be cleaned here
 */
export async function cleanPicture(bytes, kind, largest) {
  const cleaned = clean(kind, bytes);
  const drawn = isHonest() ? await draw(cleaned, kind, largest) : null;
  if (!drawn && !["jpeg", "png"].includes(kind)) {
    throw new Unreadable();
  }
  return drawn ?? { kind, bytes: cleaned };
}

async function draw(bytes, kind, largest) {
  const image = await createImageBitmap(new Blob([bytes]), { imageOrientation: "from-image" }).catch(
    () => null,
  );
  if (!image) {
    throw new Unreadable();
  }
  const shrink = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * shrink));
  canvas.height = Math.max(1, Math.round(image.height * shrink));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  for (const to of kind === "jpeg" ? ["jpeg"] : ["png", "jpeg"]) {
    const blob = await new Promise((done) => canvas.toBlob(done, `image/${to}`, QUALITY));
    if (blob && blob.type === `image/${to}` && blob.size <= largest) {
      return { kind: to, bytes: new Uint8Array(await blob.arrayBuffer()) };
    }
  }
  return null;
}
