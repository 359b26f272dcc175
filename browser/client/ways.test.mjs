// Messengers on the client page: signs in words, and nothing of one conversation in the next.

import assert from "node:assert/strict";
import test from "node:test";
import { readFileSync } from "node:fs";
import { signWords, watchWays } from "./ways.js";

class Part {
  constructor(tag = "") {
    Object.assign(this, { tag, children: [], hidden: false, textContent: "", focused: 0 });
  }

  append(...more) {
    this.children.push(...more);
  }

  replaceChildren(...more) {
    this.children = more;
  }

  before() {}

  setAttribute() {}

  focus() {
    this.focused += 1;
  }
}

/** The page's part about messengers, with a keeper whose answers come when the test says so. */
async function opened() {
  const made = [];
  const waiting = [];
  const told = [];
  globalThis.document = {
    createElement(tag) {
      made.push(new Part(tag));
      return made.at(-1);
    },
  };
  const words = { strings: {}, names: { signal: "Signal" } };
  globalThis.fetch = async () => ({ ok: true, json: async () => words });
  const talk = {
    ask: () => new Promise((answer, fail) => waiting.push({ answer, fail })),
    learn: (ways) => told.push(ways),
    tell: (text) => told.push(text),
  };
  const page = { language: "en", hoursZone: "Europe/Berlin", messengers: true, dates: { day: String } };
  const screens = {
    byId: () => new Part(),
    newWords: () => (id) => id,
    whileBusy: (_button, _text, work) => work(),
  };
  const ways = await watchWays(page, talk, screens);
  const part = (id) => made.find((one) => one.id === id);
  return { ways, made, waiting, told, part };
}

const NUMBER = [new TextEncoder().encode("1234567890")];

test("a number is shown while the conversation is open", async () => {
  const { waiting, part } = await opened();
  const pressed = part("show-code").onclick();
  waiting[0].answer(NUMBER);
  await pressed;
  assert.equal(part("join-code").textContent, "/join 12345 67890");
});

test("a number that comes after the page was left is not put into it", async () => {
  const { ways, waiting, part } = await opened();
  const pressed = part("show-code").onclick();
  ways.forget();
  waiting[0].answer(NUMBER);
  await pressed;
  assert.equal(part("join-code").textContent, "");
  assert.equal(part("ways-problem").hidden, true);
});

test("neither hours nor an end are told to a page that was left meanwhile", async () => {
  const { ways, made, waiting, told, part } = await opened();
  const way = { channel: "signal", number: 2, begin: 60, end: 120, until: 0 };
  ways.show({ isJoined: true, each: [way] });
  const buttons = made.filter((one) => ["j06.anytime", "j08.way_stop"].includes(one.textContent));
  assert.equal(buttons.length, 2);
  const pressed = buttons.map((one) => one.onclick());
  ways.forget();
  waiting[0].answer([new Uint8Array(37)]);
  waiting[1].fail(new Error("no answer"));
  await Promise.all(pressed);
  assert.deepEqual(told, []);
  assert.equal(part("ways-problem").hidden, true);
  assert.equal(part("ways-problem").focused, 0);
});

test("the page has words for every sign that the desk has words for", () => {
  const desk = readFileSync(new URL("../desk/channel_events.js", import.meta.url), "utf8");
  const signs = [...desk.matchAll(/^\s+"(\[[a-z ]+\])":/gm)].map((one) => one[1]);
  assert.ok(signs.length > 10);
  const raw = signs.filter((sign) => signWords(sign, (id) => id, {}) === sign);
  assert.deepEqual(raw, []);
});
