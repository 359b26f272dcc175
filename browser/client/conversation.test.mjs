// Whose words a client page believes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromBase64Url, toBase64Url } from "../envelope/bytes.js";
import {
  CLIENT_TO_TEAM,
  FORMAT_MESSAGE,
  FROM_COURIER,
  FROM_TEAM,
  sealEnvelope,
  TEAM_TO_CLIENT,
} from "../envelope/envelope.js";
import { MESSAGE, newBoxKeys, signKeys } from "../envelope/sealing.js";
import { openScreeningCopy } from "../envelope/wraps.js";
import { newConversation } from "./conversation.js";
import { minuteOf, signWords } from "./ways.js";

const random = (size) => crypto.getRandomValues(new Uint8Array(size));
const id = random(16);
const messages = newBoxKeys();
const own = signKeys(random(32));
const [first, second, courier] = [1, 2, 3].map(() => signKeys(random(32)));
const roster = {
  epochs: [{ signKey: first.public }, { signKey: second.public }],
  founding: { courierSignKey: courier.public },
};

let number = 0;
const row = (text, signer, fields) => {
  number += 1;
  const content = {
    conversationId: id,
    messageId: random(16),
    writerId: random(16),
    counter: 1,
    direction: TEAM_TO_CLIENT,
    origin: FROM_TEAM,
    epoch: 1,
    timeMs: 1,
    danger: false,
    format: FORMAT_MESSAGE,
    text,
    name: "",
    ...fields,
  };
  return { number, envelope: toBase64Url(sealEnvelope(content, MESSAGE, messages.public, signer)) };
};
const open = () => newConversation({ id, messages, phraseKeys: { sign: own } });
const believed = (conversation) => conversation.shown.map((line) => [line.text, line.verified]);

test("an earlier epoch is believed until a later one has spoken", () => {
  const conversation = open();
  conversation.take([row("a", first), row("b", second, { epoch: 2 }), row("c", first)], roster);
  assert.deepEqual(believed(conversation), [["a", true], ["b", true], ["c", false]]);
});

test("an open page believes only the current epoch", () => {
  const conversation = open();
  conversation.take([row("a", first)], roster);
  conversation.settle(roster);
  conversation.take([row("late", first), row("now", second, { epoch: 2 })], roster);
  assert.deepEqual(believed(conversation), [["a", true], ["late", false], ["now", true]]);
});

test("the courier cannot put words into the client's mouth", () => {
  const conversation = open();
  const forged = row("forged", courier, { direction: CLIENT_TO_TEAM, origin: FROM_COURIER, epoch: 0 });
  conversation.take([forged], roster);
  assert.deepEqual(believed(conversation), [["forged", false]]);
});

test("a messenger's message counts once the keeper has said that one joined", () => {
  const conversation = open();
  const said = row("hello", courier, { direction: CLIENT_TO_TEAM, origin: FROM_COURIER, epoch: 0 });
  assert.ok(conversation.fromMessenger([said]), "so the keeper is asked before it is read");
  conversation.learn({ isJoined: true, each: [] });
  const forged = row("forged", own, { direction: CLIENT_TO_TEAM, origin: FROM_COURIER, epoch: 0 });
  conversation.take([said, forged], roster);
  assert.deepEqual(believed(conversation), [["hello", true], ["forged", false]]);
  assert.ok(conversation.shown[0].fromCourier);
  assert.ok(!conversation.fromMessenger([said]), "nothing new");
});

test("signs of messengers become words, and a text stays one", () => {
  const t = (key, values = {}) => [key, ...Object.values(values)].join(" ");
  const words = (text) => signWords(text, t, { signal: "Signal" });
  assert.equal(words("[joined signal]"), "j10.chat_joined Signal");
  assert.equal(words("[left signal]"), "j10.chat_left Signal");
  assert.equal(words("[safe hours 18:00-06:30]"), "j10.chat_hours 18:00-06:30");
  assert.equal(words("[safe hours off]"), "j10.chat_hours_off");
  assert.equal(words("[voice] [new keys]"), "j11.voice j11.new_keys");
  for (const text of ["hello", "[joined nowhere]", "[other]", "[voice] listen", ""]) {
    assert.equal(words(text), text);
  }
});

test("times are minutes of the day", () => {
  assert.equal(minuteOf("18:30"), 1110);
  for (const wrong of ["", "24:00", "1:00", "12:60", "noon"]) {
    assert.ok(Number.isNaN(minuteOf(wrong)), wrong);
  }
});

test("another key than the team's is not the team", () => {
  const conversation = open();
  conversation.take([row("forged", own)], roster);
  assert.deepEqual(believed(conversation), [["forged", false]]);
});

test("answers to optional questions are an envelope like a short text, and are marked inside it", () => {
  const conversation = open();
  const text = conversation.write("help", "", false);
  const answers = conversation.write("1 papers=yes", "en", false, true);
  assert.equal(answers.size, text.size);
  conversation.take([text, answers].map(({ envelope }, i) => ({ number: i + 1, envelope })), roster);
  const shown = conversation.shown.map((line) => [line.text, line.isAnswers, line.verified]);
  assert.deepEqual(shown, [["help", false, true], ["1 papers=yes", true, true]]);
  const screening = newBoxKeys();
  const copies = [text, answers].map((draft) => {
    const blob = fromBase64Url(conversation.copyOf(draft, screening.public));
    return { size: blob.length, isAnswers: openScreeningCopy(screening, blob).isAnswers };
  });
  assert.deepEqual(copies.map((copy) => copy.isAnswers), [false, true]);
  assert.equal(copies[0].size, copies[1].size);
});
