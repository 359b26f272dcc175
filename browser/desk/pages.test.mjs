// Letting a page in: with real keys, and with a keeper or a courier that names another one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromBase64Url, pack, randomBytes, toBase64Url, unpack } from "../envelope/bytes.js";
import { FROM_CLIENT, FROM_COURIER } from "../envelope/envelope.js";
import { proposalHash } from "../envelope/proposal.js";
import { KEEPER_ANSWER, KEEPER_REQUEST, newBoxKeys, openSealed, seal, signKeys } from "../envelope/sealing.js";
import { openClientWrap, openTeamWrap, sealTeamWrap } from "../envelope/wraps.js";
import { headOf } from "../roster/roster.js";
import { Refusal } from "./api.js";
import { eventsOf } from "./channel_events.js";
import { newConversation, newWriter } from "./conversation.js";
import { makeConversation, makeTeam } from "./made_for_tests.mjs";
import { OtherPage, pageThatAsks, refusePage } from "./pages.js";

const team = makeTeam();
const start = newBoxKeys();

/** A phrase's keys, as its page has them. */
function makePage() {
  const box = newBoxKeys();
  const sign = signKeys(randomBytes(32));
  return { box, sign, asks: { lookupTag: randomBytes(16), verifyKey: sign.public, boxKey: box.public } };
}

/** Keeper and server: `waiting` is what the keeper says is confirmed. */
function serverFor(waiting) {
  const asked = [];
  return {
    asked,
    async post(path, body) {
      asked.push({ path, body });
      if (path === "/api/nonce") {
        return { nonce: toBase64Url(randomBytes(32)), start_key: toBase64Url(start.public) };
      }
      if (!waiting) {
        throw new Refusal("refused");
      }
      const { lookupTag, verifyKey, boxKey } = waiting;
      const fields = path === "/api/page/asking" ? [lookupTag, verifyKey, boxKey] : [];
      const answer = pack(fromBase64Url(body.nonce), ...fields);
      return { answer: toBase64Url(seal(KEEPER_ANSWER, fromBase64Url(body.reply), answer)) };
    },
    sent: (path) => asked.find((one) => one.path === path)?.body,
  };
}

/** A chat's conversation in which the courier says that this page asks. */
function chatWhere(named, more = {}) {
  const made = makeConversation(team, { channel: "signal" });
  const wrap = { ...made.wrap, verifyKey: null };
  const conversation = newConversation(team.member, newWriter(), made.row, wrap);
  const by = { signer: team.courier.sign, origin: FROM_COURIER, name: "", ...more };
  const line = (text) => made.wrote(1024 * (conversation.thread.lines.length + 1), text, by);
  const say = (text) => conversation.thread.take([line(text)]);
  say(`[page asks signal ${toBase64Url(proposalHash(named.asks))}]`);
  return { made, conversation, say };
}

test("the page that the keeper and the courier both name gets the key, and the team wrap its name", async () => {
  const page = makePage();
  const { made, conversation } = chatWhere(page);
  const server = serverFor(page.asks);
  const { hash } = conversation.pageThatAsks();
  await conversation.letPageIn(server, hash);
  const sent = server.sent("/api/page/let_in");
  assert.equal(sent.page, toBase64Url(hash));
  assert.equal(sent.seen, conversation.thread.last());
  const request = openSealed(KEEPER_REQUEST, start, fromBase64Url(sent.request));
  const [forTeam, forPage] = unpack(request, 2);
  const opened = openClientWrap(page.box, forPage, made.id);
  assert.deepEqual(opened.messages.public, made.messages.public);
  assert.deepEqual(opened.fingerprint, team.roster.fingerprint);
  assert.deepEqual(opened.head, headOf(team.roster));
  const inner = openTeamWrap(team.team.box, forTeam, made.id, 1);
  assert.deepEqual(inner.verifyKey, page.sign.public);
  assert.deepEqual(inner.notes.public, made.notes.public);
  assert.equal(conversation.isPage, true);
  assert.equal(conversation.row.channel, "web");
  assert.equal(conversation.pageThatAsks(), null);
});

test("then the page's own signature counts, and nobody else's", async () => {
  const page = makePage();
  const { made, conversation } = chatWhere(page);
  await conversation.letPageIn(serverFor(page.asks), conversation.pageThatAsks().hash);
  const by = (signer) => ({ signer, origin: FROM_CLIENT });
  conversation.thread.take([
    made.wrote(4096, "from the page", by(page.sign)),
    made.wrote(5120, "from a stranger", by(signKeys(randomBytes(32)))),
  ]);
  const said = conversation.thread.lines.slice(-2).map(({ text, verified }) => [text, verified]);
  assert.deepEqual(said, [
    ["from the page", true],
    ["from a stranger", false],
  ]);
});

test("a keeper that names a key of its own has nothing sealed to it", async () => {
  const page = makePage();
  const own = makePage();
  for (const named of [
    own.asks,
    { ...page.asks, boxKey: own.asks.boxKey },
    { ...page.asks, verifyKey: own.asks.verifyKey },
    { ...page.asks, lookupTag: own.asks.lookupTag },
  ]) {
    const { conversation } = chatWhere(page);
    const server = serverFor(named);
    await assert.rejects(conversation.letPageIn(server, conversation.pageThatAsks().hash), OtherPage);
    assert.equal(server.sent("/api/page/let_in"), undefined);
    assert.equal(conversation.isPage, false);
  }
});

test("a courier that names a key of its own has nothing sealed to it", async () => {
  const { conversation } = chatWhere(makePage());
  const server = serverFor(makePage().asks);
  await assert.rejects(conversation.letPageIn(server, conversation.pageThatAsks().hash), OtherPage);
  const nobody = serverFor(null);
  await assert.rejects(conversation.letPageIn(nobody, conversation.pageThatAsks().hash), Refusal);
  assert.equal(nobody.sent("/api/page/let_in"), undefined);
});

test("who writes rows brings no line about: it is not verified, and asks nothing", () => {
  const page = makePage();
  for (const more of [{ signer: signKeys(randomBytes(32)) }, { signer: page.sign, origin: FROM_CLIENT }]) {
    assert.equal(chatWhere(page, more).conversation.pageThatAsks(), null);
  }
});

test("the last line counts, and one that takes it back", () => {
  const first = makePage();
  const second = makePage();
  const { conversation, say } = chatWhere(first);
  say(`[page asks signal ${toBase64Url(proposalHash(second.asks))}]`);
  assert.deepEqual(conversation.pageThatAsks().hash, proposalHash(second.asks));
  say("[page off]");
  assert.equal(conversation.pageThatAsks(), null);
  say("[page asks signal short]");
  assert.equal(pageThatAsks(conversation.thread.lines), null);
});

test("at another desk a page is believed where wrap and keeper both name it", () => {
  const page = makePage();
  const { made, conversation } = chatWhere(page);
  const row = { ...made.row, channel: "web" };
  const wrapWith = (verifyKey) => sealTeamWrap(team.team.box.public, { ...made.wrap, verifyKey });
  const other = makePage().sign.public;
  for (const [named, inner] of [
    [null, page.sign.public],
    [page.sign.public, null],
    [page.sign.public, other],
  ]) {
    conversation.readPage({ verifyKey: named, inner: wrapWith(inner) }, row);
    assert.equal(conversation.isPage, false);
  }
  conversation.readPage({ verifyKey: page.sign.public, inner: wrapWith(page.sign.public) }, row);
  assert.equal(conversation.isPage, true);
});

test("a no is told to the keeper, with the hash of what asks", async () => {
  const page = makePage();
  const { made } = chatWhere(page);
  const server = serverFor(page.asks);
  const hash = proposalHash(page.asks);
  await refusePage(server, team.member, made.row, hash, 7);
  const { page: named, seen } = server.sent("/api/page/refuse");
  assert.deepEqual([named, seen], [toBase64Url(hash), 7]);
});

test("both lines become words", () => {
  const line = { ours: false, verified: true, fromCourier: true };
  const asks = `[page asks matrix ${"A".repeat(43)}]`;
  assert.deepEqual(eventsOf({ ...line, text: asks }), [
    { id: "event.page_asks", values: { channel: "matrix" } },
  ]);
  assert.deepEqual(eventsOf({ ...line, text: "[page off]" }), [{ id: "event.page_off", values: {} }]);
  assert.deepEqual(eventsOf({ ...line, verified: false, text: asks }), []);
});
