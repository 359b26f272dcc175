// The only place in the browser where cryptographic primitives are called, Argon2id apart
// (phrase/keys.js): the audited @noble libraries, to the same formats as vault/sealing.py.
//
// One function per export, so that a page carries only what it calls.

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { blake2b } from "@noble/hashes/blake2.js";

import { concat, equal, pack, pad, randomBytes, unpad, utf8 } from "./bytes.js";

/** @typedef {{secret: Uint8Array, public: Uint8Array}} BoxKeys an X25519 pair, 32 bytes each */
/** @typedef {{seed: Uint8Array, public: Uint8Array}} SignKeys an Ed25519 pair, 32 bytes each */

export const MESSAGE = 0x01;
export const NOTE = 0x02;
export const TEAM_WRAP = 0x10;
export const CLIENT_WRAP = 0x11;
export const OUTBOX = 0x12;
export const ADDRESS = 0x13;
export const STAFF_WRAP = 0x14;
export const OUTER = 0x20;
export const GRANT = 0x30;
export const EARLIER_SEED = 0x31;
export const SCREENING = 0x40;
export const KEEPER_REQUEST = 0x41;
export const KEEPER_ANSWER = 0x42;
export const ROSTER_ENTRY = 0x50;
export const CHUNK = 0x60;

/** A blob did not open; why is never said. */
export class CannotOpen extends Error {
  constructor() {
    super("this cannot be opened: wrong key, or changed, or from elsewhere");
  }
}

/** @param {boolean} condition @throws {CannotOpen} unless it holds */
export function must(condition) {
  if (!condition) {
    throw new CannotOpen();
  }
}

/**
 * What `work` gives; whatever goes wrong in it becomes the one error.
 * @template T @param {() => T} work @returns {T} @throws {CannotOpen}
 */
export function opening(work) {
  try {
    return work();
  } catch {
    throw new CannotOpen();
  }
}

/** @param {number} kind @returns {Uint8Array} version, suite, kind */
export const header = (kind) => Uint8Array.of(1, 1, kind);

/** @param {Uint8Array} blob @param {Uint8Array} start @returns {boolean} */
export const startsWith = (blob, start) => equal(blob.subarray(0, start.length), start);

/**
 * `"havenline/1/" ‖ label ‖ 0x00 ‖ message`: what is hashed, signed or authenticated.
 * @param {string} label @param {...Uint8Array} message its parts @returns {Uint8Array}
 */
export const labelled = (label, ...message) => concat(utf8(`havenline/1/${label}\0`), ...message);

/** @param {string} label @param {...Uint8Array} message @returns {Uint8Array} BLAKE2b, 32 bytes */
export const labelledHash = (label, ...message) =>
  blake2b(labelled(label, ...message), { dkLen: 32 });

/** @param {Uint8Array} key @param {string} label @returns {Uint8Array} a key for one purpose */
export const derive = (key, label) => mac(key, utf8(`havenline/1/${label}`));

/** @param {Uint8Array} key @param {Uint8Array} message @param {number} [size] in bytes */
export const mac = (key, message, size = 32) => blake2b(message, { key, dkLen: size });

// --- key pairs and signatures ---------------------------------------------------------------

/** @param {Uint8Array} secret 32 bytes @returns {BoxKeys} */
export const boxKeys = (secret) => ({ secret, public: x25519.getPublicKey(secret) });

/** @returns {BoxKeys} a random pair */
export const newBoxKeys = () => boxKeys(randomBytes(32));

/** @param {Uint8Array} seed 32 bytes @returns {SignKeys} */
export const signKeys = (seed) => ({ seed, public: ed25519.getPublicKey(seed) });

/**
 * @param {SignKeys} keys @param {string} label @param {...Uint8Array} message
 * @returns {Uint8Array} 64 bytes
 */
export const sign = (keys, label, ...message) =>
  ed25519.sign(labelled(label, ...message), keys.seed);

/**
 * Whether `signature` is the owner of `publicKey`'s over the labelled message. Strict: S
 * canonical, key and R canonical and not of small order; the library checks all but R's order.
 * @param {Uint8Array} publicKey @param {Uint8Array} signature
 * @param {string} label @param {...Uint8Array} message @returns {boolean}
 */
export function verify(publicKey, signature, label, ...message) {
  try {
    return (
      !ed25519.Point.fromBytes(signature.slice(0, 32)).isSmallOrder() &&
      ed25519.verify(signature, labelled(label, ...message), publicKey, { zip215: false })
    );
  } catch {
    return false;
  }
}

// --- sealing --------------------------------------------------------------------------------

// "expand 32-byte k", as the Salsa20 specification reads it.
const SIGMA = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

/** The key that NaCl's box derives from both sides' keys; throws for a low-order point. */
function boxCipher(secret, publicKey, ephemeralPublic, boxPublic) {
  const shared = x25519.getSharedSecret(secret, publicKey);
  const key = new Uint32Array(8);
  hsalsa(SIGMA, new Uint32Array(shared.slice().buffer), new Uint32Array(4), key);
  const nonce = blake2b(concat(ephemeralPublic, boxPublic), { dkLen: 24 });
  return xsalsa20poly1305(new Uint8Array(key.buffer), nonce);
}

/**
 * libsodium's sealed box, 48 bytes longer than `plain`.
 * @param {Uint8Array} publicKey @param {Uint8Array} plain @returns {Uint8Array}
 * @throws {Error} for a public key to which nothing can be sealed
 */
export function boxSeal(publicKey, plain) {
  const own = newBoxKeys();
  return concat(
    own.public,
    boxCipher(own.secret, publicKey, own.public, publicKey).encrypt(plain),
  );
}

/** @param {BoxKeys} keys @param {Uint8Array} sealed @returns {Uint8Array} @throws {CannotOpen} */
export function boxOpen(keys, sealed) {
  const ephemeral = sealed.slice(0, 32);
  return opening(() =>
    boxCipher(keys.secret, ephemeral, ephemeral, keys.public).decrypt(sealed.slice(32)),
  );
}

/**
 * `header ‖ sealed box of (header ‖ body)`.
 * @param {number} kind @param {Uint8Array} publicKey @param {Uint8Array} body @returns {Uint8Array}
 */
export const seal = (kind, publicKey, body) =>
  concat(header(kind), boxSeal(publicKey, concat(header(kind), body)));

/**
 * The same for the padded kinds.
 * @param {number} kind @param {Uint8Array} publicKey @param {Uint8Array} body
 * @param {number} [least] size of the smallest bucket to take @returns {Uint8Array}
 * @throws {import("./bytes.js").TooLong}
 */
export const sealPadded = (kind, publicKey, body, least = 0) =>
  concat(header(kind), boxSeal(publicKey, pad(concat(header(kind), body), least)));

/**
 * The body that `seal` was given, for the same kind.
 * @param {number} kind @param {BoxKeys} keys @param {Uint8Array} blob @param {boolean} [padded]
 * @returns {Uint8Array} @throws {CannotOpen}
 */
export function openSealed(kind, keys, blob, padded = false) {
  const head = header(kind);
  must(startsWith(blob, head));
  const boxed = boxOpen(keys, blob.subarray(3));
  const plain = padded ? opening(() => unpad(boxed)) : boxed;
  must(startsWith(plain, head));
  return plain.slice(3);
}

/** @param {number} kind @param {BoxKeys} keys @param {Uint8Array} blob @throws {CannotOpen} */
export const openPadded = (kind, keys, blob) => openSealed(kind, keys, blob, true);

/**
 * `nonce 24 ‖ XChaCha20-Poly1305`.
 * @param {Uint8Array} key @param {Uint8Array} associated @param {Uint8Array} plain
 * @param {Uint8Array} [nonce] random unless a format prescribes one
 * @returns {Uint8Array}
 */
export const aeadSeal = (key, associated, plain, nonce = randomBytes(24)) =>
  concat(nonce, xchacha20poly1305(key, nonce, associated).encrypt(plain));

/**
 * @param {Uint8Array} key @param {Uint8Array} associated @param {Uint8Array} sealed
 * @returns {Uint8Array} @throws {CannotOpen}
 */
export const aeadOpen = (key, associated, sealed) =>
  opening(() =>
    xchacha20poly1305(key, sealed.slice(0, 24), associated).decrypt(sealed.slice(24)),
  );

// The outer layer is the keeper's; the twin exists so that the vectors are read in both languages.

/** @param {string} role @param {Uint8Array} detail @returns {Uint8Array} */
export const readerOf = (role, detail) => labelledHash("reader", pack(utf8(role), detail));

/**
 * @param {Uint8Array} s @param {number} innerKind @param {Uint8Array} owner
 * @param {Uint8Array} reader @param {Uint8Array} inner @returns {Uint8Array}
 */
export function outerSeal(s, innerKind, owner, reader, inner) {
  const head = concat(header(OUTER), [innerKind]);
  const associated = labelled("outer", head, owner, reader);
  return concat(head, aeadSeal(derive(s, "outer"), associated, inner));
}

/**
 * @param {Uint8Array} s @param {number} innerKind @param {Uint8Array} owner
 * @param {Uint8Array} reader @param {Uint8Array} blob @returns {Uint8Array}
 * @throws {CannotOpen}
 */
export function outerOpen(s, innerKind, owner, reader, blob) {
  const head = concat(header(OUTER), [innerKind]);
  must(startsWith(blob, head));
  const associated = labelled("outer", head, owner, reader);
  return aeadOpen(derive(s, "outer"), associated, blob.subarray(4));
}
