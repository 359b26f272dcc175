// What is kept of the queue, drafts, and the stream of changes, against a server in memory.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NoAnswer, newApi, Refusal } from "./api.js";
import { newDrafts } from "./drafts.js";
import { followChanges } from "./events.js";
import { newRows } from "./rows.js";

const noPause = async () => undefined;
const row = (conversation, more = {}) => ({
  conversation,
  urgency: 1,
  waiting_since: 100,
  due: 10_000_000,
  holder: null,
  state: "waiting",
  ...more,
});

function newServer(rows, most = 100) {
  const asked = [];
  return {
    rows,
    asked,
    async post(path, body) {
      asked.push({ path, body });
      const wanted = body.conversations;
      let found = rows.filter((one) => !wanted || wanted.includes(one.conversation));
      const counts = { open: rows.length, queue: rows.length, waiting: [] };
      if (body.first !== undefined) {
        found = found.slice(0, most);
      } else if (body.after !== undefined) {
        found = found.filter((one) => one.conversation > body.after).slice(0, most);
      }
      const told = { rows: found, number: 7, staff: { me: "Ana", jo: "Jo" }, screening: "on" };
      return body.first === undefined ? told : { ...told, counts };
    },
  };
}

const ids = (places) => places.map((place) => place.row.conversation);

test("the queue holds who waits and is free or one's own; mine holds what is one's own", async () => {
  const rows = newRows(
    newServer([
      row("AAAA"),
      row("BBBB", { holder: "me", state: "claimed" }),
      row("CCCC", { holder: "jo", state: "claimed" }),
      row("DDDD", { holder: "me", waiting_since: null }),
      row("EEEE", { waiting_since: null, state: "resting" }),
    ]),
    noPause,
  );
  assert.equal(await rows.load(), 7);
  assert.deepEqual(ids(rows.queue("me", 200)), ["AAAA", "BBBB"]);
  assert.deepEqual(ids(rows.mine("me", 200)), ["BBBB", "DDDD"]);
  assert.equal(rows.waiting().length, 3);
  assert.equal(rows.nameOf("jo"), "Jo");
  assert.equal(rows.nameOf(null), "");
});

test("a change fetches its row only; what the server names no more is gone", async () => {
  const server = newServer([row("AAAA"), row("BBBB")]);
  const rows = newRows(server, noPause);
  await rows.load();
  const told = [];
  rows.watch((changed) => told.push([...changed]));
  server.rows.shift();
  await rows.changed({ conversation: "AAAA", what: "close" });
  assert.deepEqual(server.asked.at(-1).body, { conversations: ["AAAA"] });
  assert.ok(!rows.has("AAAA") && rows.has("BBBB"));
  assert.deepEqual(told, [["AAAA"]]);
});

test("many changes at once are one request; a gap or an erasure fetches everything", async () => {
  const server = newServer([row("AAAA"), row("BBBB")]);
  const rows = newRows(server, noPause);
  await rows.load();
  server.asked.length = 0;
  await Promise.all(
    ["AAAA", "BBBB", "AAAA"].map((conversation) => rows.changed({ conversation, what: "message" })),
  );
  assert.deepEqual(
    server.asked.map(({ body }) => body),
    [{ conversations: ["AAAA", "BBBB"] }],
  );
  server.rows.length = 1;
  await rows.changed({ conversation: null, what: "erased" });
  assert.ok(!rows.has("BBBB"));
});

test("when something was erased, what is open is looked at first", async () => {
  const server = newServer([row("AAAA"), row("BBBB")]);
  const rows = newRows(server, noPause);
  await rows.load();
  rows.lookFirst(() => ["BBBB"]);
  server.asked.length = 0;
  await rows.changed({ conversation: null, what: "erased" });
  assert.deepEqual(
    server.asked.map(({ body }) => body),
    [{ conversations: ["BBBB"] }, { first: 100 }],
  );
});

const conversation = (key) => ({ key, draft: (text) => `sealed ${text}` });

test("a draft is stored at a pause, once, and dropped when it was sent", async () => {
  const stored = [];
  const api = { post: async (path, body) => void stored.push(body.envelope) };
  const drafts = newDrafts(api, noPause, new Map(), () => undefined);
  await drafts.soon(conversation("a"), () => "hel");
  await Promise.all([
    drafts.soon(conversation("a"), () => "hello"),
    drafts.soon(conversation("a"), () => "hello"),
  ]);
  await drafts.now(conversation("a"), "hello");
  await drafts.now(conversation("a"), "");
  await drafts.now(conversation("a"), "");
  assert.deepEqual(stored, ["sealed hel", "sealed hello", null]);
});

test("a draft that could not be stored is stored after the next sign-in", async () => {
  let isDown = true;
  const stored = [];
  const api = {
    async post(path, body) {
      if (isDown) {
        throw new NoAnswer();
      }
      stored.push(body);
    },
  };
  const unsent = new Map();
  const before = newDrafts(api, noPause, unsent, () => undefined);
  await before.now(conversation("a"), "hello");
  assert.equal(before.keptAt("a"), null);
  before.end();
  isDown = false;
  await newDrafts(api, noPause, unsent, () => undefined).resend();
  assert.deepEqual(stored, [{ conversation: "a", envelope: "sealed hello" }]);
  assert.equal(unsent.size, 0);
});

/** An answer of the server's, as the browser's fetch gives it. */
const answer = (status, body) => new Response(JSON.stringify(body), { status });

test("the session is a header, and its end is told once", async () => {
  const seen = [];
  let ended = 0;
  const api = newApi(
    async (path, { headers }) => {
      seen.push(headers["Havenline-Session"]);
      return answer(401, { error: "signed_out" });
    },
    () => (ended += 1),
  );
  await assert.rejects(api.post("/api/hello", {}), Refusal);
  api.useSession("token");
  await assert.rejects(api.post("/api/queue", {}), { code: "signed_out" });
  await assert.rejects(api.post("/api/queue", {}), Refusal);
  assert.deepEqual(seen, [undefined, "token", undefined]);
  assert.equal(ended, 1);
});

test("no connection and no JSON are both: nobody knows", async () => {
  const cut = newApi(async () => {
    throw new TypeError("network");
  });
  await assert.rejects(cut.post("/api/reply", {}), NoAnswer);
  const odd = newApi(async () => new Response("<html>", { status: 502 }));
  await assert.rejects(odd.post("/api/reply", {}), NoAnswer);
});

test("after a break the stream goes on behind the last change, and nothing comes twice", async () => {
  const line = (number) => `${JSON.stringify({ number, conversation: "a", what: "message" })}\n`;
  const asked = [];
  const parts = [['{"beat":true}\n', line(8)], [line(8) + line(9)]];
  let stop = () => undefined;
  const api = newApi(async (path, { body }) => {
    asked.push(JSON.parse(body).after);
    const lines = parts[asked.length - 1] ?? [];
    return new Response(
      new ReadableStream({
        start(controller) {
          lines.forEach((text) => controller.enqueue(new TextEncoder().encode(text)));
          controller.close();
        },
      }),
    );
  });
  const got = [];
  const said = [];
  await new Promise((resolve) => {
    stop = followChanges(api, 7, {
      change({ number }) {
        got.push(number);
        if (number === 9) {
          resolve();
        }
      },
      connected: () => said.push("connected"),
      broken: () => said.push("broken"),
    });
  });
  stop();
  assert.deepEqual(got, [8, 9]);
  assert.deepEqual(asked.slice(0, 2), [7, 8]);
  assert.deepEqual(said, ["connected", "broken", "connected"]);
});

test("the head is there at once with all numbers, and page after page the rest", async () => {
  const all = ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE"].map((id) => row(id));
  const rows = newRows(newServer(all, 2), noPause);
  assert.equal(await rows.load(), 7);
  assert.equal(rows.count("me"), 5);
  assert.equal([...rows.all()].length, 2);
  await settled(() => [...rows.all()].length === 5);
  assert.deepEqual(ids(rows.queue("me", 200)), ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE"]);
});

test("what was fetched alone is newer than the page that comes after it", async () => {
  const server = newServer(
    ["AAAA", "BBBB", "CCCC"].map((id) => row(id)),
    1,
  );
  const rows = newRows(server, noPause);
  const plain = server.post;
  let release;
  const held = new Promise((resolve) => (release = resolve));
  server.post = async (path, body) => {
    const answer = await plain(path, body);
    if (body.after === "AAAA") {
      await held; // the page with BBBB was read, and comes late
    }
    return answer;
  };
  await rows.load();
  await settled(() => server.asked.some(({ body }) => body.after === "AAAA"));
  server.rows.splice(1, 1); // erased
  await rows.look("BBBB");
  release();
  await settled(() => rows.has("CCCC"));
  assert.equal(rows.has("BBBB"), false);
});

async function settled(is) {
  for (let turns = 0; turns < 100 && !is(); turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(is());
}
