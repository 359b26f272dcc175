// What the desk says about messengers: events in words, and until when somebody can be answered.

import assert from "node:assert/strict";
import test from "node:test";

import { eventsOf } from "./channel_events.js";
import { CannotOpen } from "../envelope/sealing.js";
import { hoursOf, readWays } from "../envelope/ways.js";
import { newConversation, newWriter } from "./conversation.js";
import { makeConversation, makeTeam, waysBytes } from "./made_for_tests.mjs";
import { endsSoon, goesBy, isOpen, wayTo } from "./reach.js";
import { newComposer, SETTLE_MS } from "./sending.js";

const line = { ours: false, verified: true, fromCourier: true, text: "" };
const DAY = 86_400;
const DUE = 100 * DAY;

test("what the courier puts in place of a message becomes words", () => {
  const events = (text) => eventsOf({ ...line, text }).map(({ id }) => id);
  assert.deepEqual(events("[unreadable]"), ["event.unreadable"]);
  assert.deepEqual(events("[new keys] [voice]"), ["event.new_keys", "event.voice"]);
  assert.deepEqual(events("[picture] [too large] [voice] [not encrypted]"), [
    ...["event.picture", "event.too_large", "event.voice", "event.not_encrypted"],
  ]);
});

test("a chat that ended is told with its channel", () => {
  const told = eventsOf({ ...line, text: "[left matrix]" });
  assert.deepEqual(told, [{ id: "event.left", values: { channel: "matrix" } }]);
});

test("an answer on the page goes to a messenger too, where the keeper says that one joined", () => {
  const page = { isPage: true };
  const ways = readWays(waysBytes(true, [2, 0, 0, 10 * DAY]));
  const reaches = [
    { channel: "matrix", until: 20 * DAY }, // a row alone: the keeper does not say so
    { channel: "signal", until: 10 * DAY },
  ];
  const way = wayTo(page, reaches, DUE, ways);
  assert.deepEqual(way, { channel: "signal", until: 10 * DAY, isAlso: true });
  assert.equal(goesBy(way, 10 * DAY - 1), "signal");
  assert.equal(goesBy(way, 10 * DAY), undefined, "then on the page alone");
  assert.ok(isOpen(way, 10 * DAY), "who reads on the page can always be answered");
  assert.ok(endsSoon(way, 10 * DAY - 1) && !endsSoon(way, 10 * DAY));
  assert.equal(wayTo(page, [reaches[0]], DUE, ways), undefined);
  assert.equal(wayTo(page, reaches, DUE), undefined);
  assert.equal(wayTo(page, [], DUE, ways), undefined, "it has ended");
});

test("what the keeper tells of messengers is read, and nothing of another form", () => {
  const [way] = readWays(waysBytes(true, [255, 1080, 390, 600])).each;
  assert.deepEqual(way, { number: 255, channel: "loopback", begin: 1080, end: 390, until: 600 });
  assert.deepEqual(hoursOf(way), ["18:00", "06:30"]);
  assert.equal(hoursOf({ begin: 0, end: 0 }), null);
  for (const told of [new Uint8Array(36), new Uint8Array(38), Uint8Array.of(2, ...new Uint8Array(36))]) {
    assert.throws(() => readWays(told), CannotOpen);
  }
});

test("a chat that joined is told with its channel", () => {
  const told = eventsOf({ ...line, text: "[joined matrix]" });
  assert.deepEqual(told, [{ id: "event.joined", values: { channel: "matrix" } }]);
});

test("when answers may come is told with its times", () => {
  const events = (text) => eventsOf({ ...line, text });
  const values = { begin: "18:00", end: "06:30" };
  assert.deepEqual(events("[safe hours 18:00-06:30]"), [{ id: "event.safe_hours", values }]);
  assert.deepEqual(events("[safe hours off]"), [{ id: "event.safe_hours_off", values: {} }]);
});

test("a text is a text, whatever stands in it", () => {
  for (const text of ["[voice] listen", "see [file]", "[other]", "[]", "", "[voice]  [file]", "[safe hours 18]"]) {
    assert.deepEqual(eventsOf({ ...line, text }), [], text);
  }
});

test("only the courier's own, verified word is an event", () => {
  for (const changed of [{ fromCourier: false }, { verified: false }, { ours: true }]) {
    assert.deepEqual(eventsOf({ ...line, ...changed, text: "[new keys]" }), []);
  }
});

test("an answer on the web needs no way, and an older desk tells none", () => {
  assert.equal(wayTo({ isPage: true }, [], DUE), undefined);
  assert.equal(wayTo({ isPage: false }, undefined, DUE), undefined);
  assert.ok(isOpen(undefined, DUE * 2));
});

test("the way that is left ends with the address, and never after the conversation", () => {
  const chat = { isPage: false };
  const way = wayTo(chat, [{ channel: "signal", until: 10 * DAY }], DUE);
  assert.deepEqual(way, { channel: "signal", until: 10 * DAY });
  assert.ok(isOpen(way, 10 * DAY - 1) && !isOpen(way, 10 * DAY));
  assert.ok(!endsSoon(way, 9 * DAY) && endsSoon(way, 9 * DAY + 1));
  assert.equal(wayTo(chat, [{ channel: "signal", until: 2 * DUE }], DUE).until, DUE);
  assert.equal(wayTo(chat, [{ channel: "signal", until: null }], DUE).until, DUE);
});

test("a row alone makes no page of a chat: with its last address the composer closes", () => {
  const team = makeTeam();
  const made = makeConversation(team, { channel: "signal" });
  const row = { ...made.row, channel: "web" };
  const conversation = newConversation(team.member, newWriter(), row, made.wrap);
  assert.equal(conversation.isPage, false);
  assert.ok(!isOpen(wayTo(conversation, [], DUE), 0));
});

test("without an address nothing can be answered", () => {
  const way = wayTo({ isPage: false }, [], DUE);
  assert.equal(way, null);
  assert.ok(!isOpen(way, 0) && !endsSoon(way, 0));
});

test("a composer closes with the last way, also while something stands in it", () => {
  let until = 5_000;
  const conversation = { key: "A" };
  const parts = { conversation, isWord: () => false, isSimilar: () => false };
  const composer = newComposer(parts);
  composer.reachedWhile((ms) => ms < until);
  composer.heldBy("own");
  composer.show(0);
  assert.equal(composer.standing(SETTLE_MS), "idle");
  composer.type("Are you there?");
  assert.equal(composer.standing(SETTLE_MS), "ready");
  assert.equal(composer.standing(until), "no_way");
  composer.press(until, "A");
  assert.equal(composer.take(until + 60_000), null, "nothing goes out");
  assert.equal(composer.text(), "Are you there?", "and nothing is lost");
  until = 90_000; // they wrote again
  assert.equal(composer.standing(6_000), "ready");
});
