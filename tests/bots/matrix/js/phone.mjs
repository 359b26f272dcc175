// A client's phone for the tests: matrix-js-sdk with the cryptography of Element, which shares no
// code with the hotline's library. `node phone.mjs SERVER USER PASSWORD HOTLINE`.
//
// It reads one JSON object a line and answers each with {"done": its number} or {"failed": why}:
// {"number", "do": "say" | "open" | "show", "text" | "kind" and "content"}. What the hotline says
// comes as {"heard": text} or {"file": contents} in between. It ends with its standard input.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { createInterface } from "node:readline";

import { ClientEvent, createClient, MatrixEventEvent } from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";

const [server, user, password, hotline] = process.argv.slice(2);
const LOOK_MS = 25;
const SECRET = { "m.room.encryption": { algorithm: "m.megolm.v1.aes-sha2" } };
const FORMS = {
  voice: ["m.audio", "recording.ogg", "audio/ogg"],
  picture: ["m.image", "picture.jpg", "image/jpeg"],
  file: ["m.file", "paper.pdf", "application/pdf"],
};

for (const name of ["log", "info", "debug", "warn", "trace"]) {
  console[name] = () => undefined; // the library's own talk would stand between the lines
}
logger.setLevel("silent");

const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const base64 = (bytes) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
const base64url = (bytes) => Buffer.from(bytes).toString("base64url");

async function until(look) {
  for (;;) {
    const found = look();
    if (found) {
      return found;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A file as its message says (API v1.11, section 11.12.1.7), past the library, which has no call. */
async function opened(client, { url, key, iv, hashes }) {
  const path = `/_matrix/client/v1/media/download/${url.slice("mxc://".length)}`;
  const headers = { Authorization: `Bearer ${client.getAccessToken()}` };
  const sealed = Buffer.from(await (await fetch(`${server}${path}`, { headers })).arrayBuffer());
  if (base64(createHash("sha256").update(sealed).digest()) !== hashes.sha256) {
    return Buffer.from("another file");
  }
  const secret = Buffer.from(key.k, "base64url");
  return createDecipheriv("aes-256-ctr", secret, Buffer.from(iv, "base64")).update(sealed);
}

async function signedIn() {
  const door = createClient({ baseUrl: server });
  const given = await door.loginRequest({
    type: "m.login.password",
    identifier: { type: "m.id.user", user },
    password,
  });
  const client = createClient({
    baseUrl: server,
    userId: given.user_id,
    accessToken: given.access_token,
    deviceId: given.device_id,
  });
  await client.initRustCrypto({ useIndexedDB: false });
  const heard = new Set();
  const hear = (event) => {
    const said = event.getSender() === hotline && event.getType() === "m.room.message";
    const { body, msgtype, file } = event.getContent();
    if (said && msgtype !== "m.bad.encrypted" && body !== undefined && !heard.has(event.getId())) {
      heard.add(event.getId());
      if (file) {
        opened(client, file).then((bytes) => tell({ file: bytes.toString("base64") }));
      } else {
        tell({ heard: body });
      }
    }
  };
  client.on(ClientEvent.Event, hear);
  client.on(MatrixEventEvent.Decrypted, hear);
  const ready = new Promise((resolve) => client.once(ClientEvent.Sync, resolve));
  await client.startClient({ initialSyncLimit: 20 });
  await ready;
  return client;
}

async function aRoom(client) {
  const state = Object.entries(SECRET).map(([type, content]) => ({ type, state_key: "", content }));
  const { room_id: id } = await client.createRoom({
    preset: "trusted_private_chat",
    is_direct: true,
    invite: [hotline],
    initial_state: state,
  });
  await until(() => client.getRoom(id)?.getMember(hotline)?.membership === "join");
  return id;
}

/** The room that stands, or a new one where there is none or the hotline has left it. */
async function theRoom() {
  const members = room && (await client.getJoinedRoomMembers(room)).joined;
  return members && hotline in members ? room : aRoom(client);
}

/** A file as the messengers of Matrix encrypt it: AES-256 in counter mode, the key in the message. */
async function encryptedFile(client, bytes) {
  const key = randomBytes(32);
  const iv = Buffer.concat([randomBytes(8), Buffer.alloc(8)]);
  const cipher = createCipheriv("aes-256-ctr", key, iv);
  const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
  const { content_uri: url } = await client.uploadContent(sealed, {
    includeFilename: false,
    type: "application/octet-stream",
  });
  const jwk = { kty: "oct", key_ops: ["encrypt", "decrypt"], alg: "A256CTR", k: base64url(key), ext: true };
  const hashes = { sha256: base64(createHash("sha256").update(sealed).digest()) };
  return { url, key: jwk, iv: base64(iv), hashes, v: "v2" };
}

const client = await signedIn();
let room = null;
const does = {
  async say({ text }) {
    room = await theRoom();
    await client.sendTextMessage(room, text);
  },
  async show({ kind, content }) {
    room = await theRoom();
    const [msgtype, body, mimetype] = FORMS[kind];
    const bytes = Buffer.from(content, "base64");
    const file = await encryptedFile(client, bytes);
    await client.sendMessage(room, { msgtype, body, file, info: { mimetype, size: bytes.length } });
  },
  /** Past the library, which would encrypt it. */
  async open({ text, number }) {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/open${number}`;
    const answer = await fetch(`${server}${path}`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${client.getAccessToken()}` },
      body: JSON.stringify({ msgtype: "m.text", body: text }),
    });
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`);
    }
  },
};

tell({ ready: client.getUserId() });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  try {
    await does[asked.do](asked);
    tell({ done: asked.number });
  } catch (error) {
    tell({ failed: asked.number, why: String(error) });
  }
}
client.stopClient();
process.exit(0);
