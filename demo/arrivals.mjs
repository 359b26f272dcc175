// People who write by themselves, until this ends: from the client page with its own code, and
// from a messenger over the loopback channel. All of them are made up (arrivals.json).
//
// `node demo/arrivals.mjs CLIENT_PAGE LOOPBACK_SOCKET SECONDS`, the last between two arrivals.

import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import { post } from "../browser/client/api.js";
import { newContact, sendFirst } from "../browser/client/contact.js";
import { deliver } from "../browser/client/delivery.js";
import { poll, sendNext } from "../browser/client/server.js";
import { readKeys } from "../browser/client/trust.js";

const AT_ONCE = 4; // are there already when somebody looks for the first time
const LOOK_MS = 3_000;
const LOOKS = 400; // for twenty minutes, as somebody who then closes the page

const [page, socket, every] = process.argv.slice(2);
const browserFetch = globalThis.fetch;
globalThis.fetch = (path, options) => browserFetch(new URL(path, page), options);

const keysNow = async (fingerprint) => readKeys(await post("/api/keys", {}), fingerprint);
const delivered = async (attempt) => deliver({ attempt, renew: keysNow, pause }, await keysNow());

/** Somebody at the client page; thanks once for the first answer. */
async function writeFromPage({ name, text, danger = false, thanks }) {
  const { conversation, ...contact } = await newContact();
  const draft = conversation.write(text, name, danger);
  const { view } = await delivered((keys) => sendFirst({ conversation, ...contact }, draft, keys));
  follow(conversation, view, thanks).catch(() => undefined);
}

async function follow(conversation, view, thanks) {
  const { roster } = await keysNow();
  for (let look = 0; look < LOOKS; look += 1) {
    await pause(LOOK_MS);
    try {
      const { messages } = await poll(view, conversation.last());
      if (conversation.take(messages, roster)) {
        const draft = conversation.write(thanks, "", false);
        await delivered((keys) => sendNext(conversation, draft, keys));
        return;
      }
    } catch {
      // the server is being started again: the next look tells
    }
  }
}

/** Somebody in a messenger; the hotline's answers are heard there and thanked for once. */
function writeFromMessenger({ name, text, thanks }, number) {
  const address = `${name}-${number}`;
  const line = connect(socket);
  const say = (words, id) => line.write(`${JSON.stringify({ as: address, say: words, id })}\n`);
  line.on("error", () => line.destroy());
  line.setEncoding("utf8");
  let heard = "";
  let answers = 0;
  line.on("data", (more) => {
    const lines = (heard + more).split("\n");
    heard = lines.pop();
    for (const _ of lines.map((one) => JSON.parse(one)).filter(({ to }) => to)) {
      answers += 1;
      if (answers === 2) {
        say(thanks, "2"); // the first is the hotline's own greeting
      }
    }
  });
  line.write(`${JSON.stringify({ listen: address })}\n`);
  say(text, "1");
}

const people = JSON.parse(await readFile(new URL("arrivals.json", import.meta.url), "utf8"));
for (let number = 0; ; number += 1) {
  const person = people[number % people.length];
  try {
    await (person.channel === "loopback" ? writeFromMessenger(person, number) : writeFromPage(person));
  } catch (error) {
    console.error(`nobody arrived this time: ${error.name}`);
  }
  if (number >= AT_ONCE) {
    await pause(Number(every) * 1_000);
  }
}
