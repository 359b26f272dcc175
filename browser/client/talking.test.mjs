// The open conversation: what closes the page, and what it waits out.

import assert from "node:assert/strict";
import test from "node:test";

const anything = () =>
  new Proxy(() => {}, {
    get(target, name) {
      if (name === Symbol.toPrimitive) {
        return () => "";
      }
      if (["value", "textContent"].includes(name) && !(name in target)) {
        return "";
      }
      target[name] ??= anything();
      return target[name];
    },
    set: (target, name, value) => Reflect.defineProperty(target, name, { value, writable: true, configurable: true }),
    apply: anything,
  });

const elements = new Map();
const byId = (id) => elements.get(id) ?? elements.set(id, anything()).get(id);
let look = null;
globalThis.document = {
  getElementById: byId,
  createElement: anything,
  querySelectorAll: () => [],
  addEventListener() {},
  visibilityState: "visible",
  body: anything(),
  documentElement: anything(),
};
globalThis.setInterval = (work) => {
  look = work;
};
globalThis.scrollTo = () => {};
globalThis.history = { scrollRestoration: "" };
const { watchTalking } = await import("./talking.js");

/** A page whose poll brings a line of a chat; everything else gets `refusal`. */
async function looked(status, code) {
  const asked = [];
  const brought = { messages: [{ number: 2, envelope: "AA" }], due: 0, state: "received" };
  globalThis.fetch = async (path) => {
    asked.push(path);
    const [at, body] = path === "/api/poll" ? [200, brought] : [status, { error: code }];
    return { ok: at === 200, status: at, json: async () => body };
  };
  let closed = 0;
  const page = {
    t: String,
    language: "en",
    guided: false,
    attachments: false,
    messengers: false,
    dates: anything(),
    opensNothing: () => (closed += 1),
    toStart() {},
    keys: () => null,
    way: anything(),
  };
  const talking = watchTalking(page);
  const conversation = {
    shown: [],
    last: () => 1,
    settle() {},
    take: () => 0,
    learn() {},
    ways: () => ({ isJoined: false, each: [] }),
    fromMessenger: () => true,
    phraseKeys: { lookupTag: new Uint8Array(16) },
  };
  talking.start({ conversation, view: "v", roster: {}, due: 0, latest: 0, state: "received" });
  await look();
  const first = asked.length;
  await look();
  return { closed, asked, again: asked.length - first };
}

for (const code of ["unavailable", "busy"]) {
  test(`a moment in which the server is ${code} closes nothing and is tried again`, async () => {
    const { closed, asked, again } = await looked(503, code);
    assert.equal(closed, 0);
    assert.ok(asked.some((path) => path !== "/api/poll"), "it asked to open");
    assert.ok(again > 1);
  });
}

test("a conversation that opens no more closes the page", async () => {
  const { closed } = await looked(403, "refused");
  assert.equal(closed, 1);
});
