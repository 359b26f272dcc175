// Opening, believing and writing: with real keys, and with a server that changes what it likes.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { fromBase64Url, randomBytes, toBase64Url } from "../envelope/bytes.js";
import {
  DRAFT,
  FINDING,
  findingId,
  FORMAT_ANSWERS,
  FORMAT_FINDINGS,
  FROM_CARETAKER,
  FROM_COURIER,
  openEnvelope,
  sealEnvelope,
  TEAM_NOTE,
  TEAM_TO_CLIENT,
} from "../envelope/envelope.js";
import {
  CannotOpen,
  MESSAGE,
  newBoxKeys,
  NOTE,
  openSealed,
  signKeys,
} from "../envelope/sealing.js";
import {
  isOutboxItemVerified,
  openOutboxItem,
  sealGrant,
  teamKeys,
  sealEarlierSeed,
  sealTeamWrap,
} from "../envelope/wraps.js";
import { EPOCH, epochPayload, extend, signEntry } from "../roster/roster.js";
import { Refusal } from "./api.js";
import {
  DoesNotBelong,
  newConversation,
  newWriter,
  NotGranted,
  openConversation,
} from "./conversation.js";
import { keeperAnswer, makeConversation, makeTeam, waysBytes } from "./made_for_tests.mjs";
import { numberedFindings, remedyOf } from "./line_view.js";
import { sendReply } from "./send.js";
import { openTeam } from "./team.js";

const team = makeTeam();
const START = toBase64Url(newBoxKeys().public);
const noPause = async () => undefined;

/** A server that answers as the keeper would, changed as a test wants. */
function serverFor(made, { messages = [], draft = null, changed = {} } = {}) {
  const asked = [];
  return {
    asked,
    async post(path, body) {
      asked.push({ path, body });
      if (path === "/api/nonce") {
        return { nonce: toBase64Url(randomBytes(32)), start_key: START };
      }
      const answer = keeperAnswer(made, body, changed);
      return { answer, messages, draft, outbox: [], holder: null, due: made.row.due };
    },
  };
}

const openWith = (made, given) =>
  openConversation(serverFor(made, given), team.member, newWriter(), made.row);

const direct = (made, writer = newWriter()) =>
  newConversation(team.member, writer, made.row, made.wrap);

test("a conversation opens and its messages are read", async () => {
  const made = makeConversation(team);
  const { conversation, due } = await openWith(made, { messages: [made.wrote(1024, "hello")] });
  assert.equal(conversation.key, made.key);
  assert.equal(due, made.row.due);
  const [line] = conversation.thread.lines;
  assert.deepEqual(
    [line.text, line.name, line.verified, line.ours],
    ["hello", "Mira", true, false],
  );
  assert.equal(conversation.thread.clientName(), "Mira");
});

test("the courier's word counts on a page only where the keeper says that a messenger joined", async () => {
  const by = { signer: team.courier.sign, origin: FROM_COURIER, name: "" };
  const made = makeConversation(team);
  const messages = [made.wrote(1024, "hello", by)];
  for (const [isJoined, verified] of [[false, false], [true, true]]) {
    const changed = { ways: waysBytes(isJoined, [2, 0, 0, made.row.due]) };
    const { conversation } = await openWith(made, { messages, changed });
    assert.equal(conversation.thread.lines[0].verified, verified);
  }
  const forged = makeConversation(team);
  const own = [forged.wrote(1024, "hello", { ...by, signer: forged.client })];
  const { conversation } = await openWith(forged, { messages: own, changed: { ways: waysBytes(true) } });
  assert.equal(conversation.thread.lines[0].verified, false, "nobody signs as the courier");
});

test("an answer to a page is sealed for the courier only where it goes to a messenger", async () => {
  const made = makeConversation(team);
  const { conversation } = await openWith(made, { changed: { ways: waysBytes(true) } });
  assert.equal(conversation.reply("page alone").outboxItem, null);
  conversation.replied();
  const item = conversation.reply("both", "signal").outboxItem;
  assert.equal(openOutboxItem(team.courier.box, item, made.id, conversation.reply("both").messageId).item.channel, "signal");
});

test("a row that opens another conversation is not shown", async () => {
  const made = makeConversation(team);
  const other = makeConversation(team);
  const swapped = { ...made, row: { ...made.row, conversation: other.key } };
  await assert.rejects(openWith(swapped), DoesNotBelong);
  await assert.rejects(openWith(made, { changed: { id: other.id } }), DoesNotBelong);
  await assert.rejects(openWith(made, { changed: { inner: other.inner } }), CannotOpen);
});

test("keys that are not the keeper's are not believed", async () => {
  const made = makeConversation(team);
  const strange = newBoxKeys().public;
  await assert.rejects(openWith(made, { changed: { cpk: strange } }), DoesNotBelong);
  await assert.rejects(openWith(made, { changed: { npk: strange } }), DoesNotBelong);
  await assert.rejects(openWith(made, { changed: { verify: strange } }), DoesNotBelong);
});

test("while a page is not let in, what it signs counts for nothing, whatever the wrap says", async () => {
  const made = makeConversation(team, { channel: "signal" });
  const messages = [made.wrote(1024, "I am the client")];
  const { conversation } = await openWith(made, { messages, changed: { verify: new Uint8Array() } });
  assert.equal(conversation.isPage, false);
  assert.equal(conversation.thread.lines[0].verified, false);
  const chat = makeConversation(team);
  const none = { ...chat, inner: sealTeamWrap(team.team.box.public, { ...chat.wrap, verifyKey: null }) };
  const said = [chat.wrote(1024, "I am the client")];
  const restored = (await openWith(none, { messages: said })).conversation;
  assert.equal(restored.thread.lines[0].verified, false, "nor by the keeper's word alone");
});

test("an epoch without a grant opens nothing", async () => {
  const made = makeConversation(team);
  await assert.rejects(openWith({ ...made, row: { ...made.row, epoch: 2 } }), NotGranted);
});

test("what is not verified, repeated or missing is said", () => {
  const made = makeConversation(team);
  const { thread } = direct(made);
  const first = made.wrote(1024, "one");
  const forged = made.wrote(2048, "forged", { signer: signKeys(randomBytes(32)) });
  const third = made.wrote(3072, "three", { skip: 1 });
  const fresh = thread.take([first, forged, { ...first, number: 2500 }, third]);
  assert.deepEqual(
    fresh.map(({ text, verified }) => [text, verified]),
    [
      ["one", true],
      ["forged", false],
      ["three", true],
    ],
  );
  assert.equal(thread.repeats(), 1);
  const gap = thread.lines.find(({ kind }) => kind === "gap");
  assert.deepEqual([gap.first, gap.last], [2, 3]);
  assert.deepEqual(thread.take([first, third]), [], "rows it has seen");
});

test("an envelope of another conversation does not open here", () => {
  const [made, other] = [makeConversation(team), makeConversation(team)];
  const { thread } = direct(made);
  thread.take([other.wrote(1024, "elsewhere"), { number: 2048, kind: MESSAGE, envelope: "%%%" }]);
  assert.deepEqual(
    thread.lines.map(({ kind }) => kind),
    ["unreadable", "unreadable"],
  );
});

test("findings are believed only with the caretaker's signature", () => {
  const made = makeConversation(team);
  const { thread } = direct(made);
  const [line] = thread.take([made.wrote(1024, "he keeps my passport")]);
  const json = JSON.stringify({
    v: 1,
    version: "1",
    screened: true,
    urgency: 2,
    why: "strong_sign",
    reason: "r",
    language: "en",
    flags: [],
    routes: [],
    findings: [],
  });
  const finding = (signer) => ({
    number: 0,
    kind: NOTE,
    envelope: toBase64Url(
      sealEnvelope(
        {
          conversationId: made.id,
          messageId: findingId(fromBase64Url(line.id)),
          writerId: randomBytes(16),
          counter: 1,
          direction: FINDING,
          origin: FROM_CARETAKER,
          epoch: 0,
          timeMs: 1,
          danger: false,
          format: FORMAT_FINDINGS,
          text: json,
          name: "en",
        },
        NOTE,
        made.notes.public,
        signer,
      ),
    ),
  });
  assert.equal(thread.findingOf(line), undefined);
  thread.take([{ ...finding(signKeys(randomBytes(32))), number: 1025 }]);
  assert.equal(thread.findingOf(line).verified, false);
  thread.take([{ ...finding(team.caretaker), number: 1026 }]);
  assert.deepEqual(
    [thread.findingOf(line).verified, thread.findingOf(line).screening.urgency],
    [true, 2],
  );
});

test("of answers to optional questions the newest verified ones stand, with their findings", () => {
  const made = makeConversation(team);
  const { thread } = direct(made);
  const json = JSON.stringify({
    v: 1,
    version: "questions 1",
    screened: true,
    urgency: 2,
    why: "strong_sign",
    reason: "r",
    language: "und",
    flags: [],
    routes: [],
    findings: [],
  });
  const found = (line, number) => {
    const content = {
      conversationId: made.id,
      messageId: findingId(fromBase64Url(line.id)),
      writerId: randomBytes(16),
      counter: 1,
      direction: FINDING,
      origin: FROM_CARETAKER,
      epoch: 0,
      timeMs: 1,
      danger: false,
      format: FORMAT_FINDINGS,
      text: json,
      name: "und",
    };
    const envelope = sealEnvelope(content, NOTE, made.notes.public, team.caretaker);
    return { number, kind: NOTE, envelope: toBase64Url(envelope) };
  };
  const answers = { format: FORMAT_ANSWERS, name: "th" };
  const [first] = thread.take([made.wrote(1024, "1 papers=yes", answers)]);
  thread.take([found(first, 1025)]);
  assert.deepEqual([...first.answers], [["papers", "yes"]]);
  assert.deepEqual([first.language, first.name, thread.clientName()], ["th", "", ""]);
  assert.deepEqual([...numberedFindings(thread).keys()], [first]);
  const forger = signKeys(randomBytes(32));
  const [forged] = thread.take([made.wrote(2048, "1", { ...answers, signer: forger })]);
  assert.deepEqual([first.replaced, forged.verified], [false, false]);
  const [last] = thread.take([made.wrote(3072, "1", answers)]);
  thread.take([found(last, 3073)]);
  assert.deepEqual([first.replaced, last.replaced, last.answers.size], [true, false, 0]);
  assert.deepEqual([...numberedFindings(thread).keys()], [last]);
  const [odd] = thread.take([made.wrote(4096, "not answers", answers)]);
  assert.deepEqual([odd.isAnswers, odd.answers], [true, null]);
});

test("a reply carries this conversation's id and keys, and is read as the team's", () => {
  const made = makeConversation(team);
  const conversation = direct(made);
  const sealed = conversation.reply("hello back");
  assert.equal(sealed.conversation, made.key);
  assert.equal(sealed.outboxItem, null);
  const [line] = conversation.thread.take([
    { number: 1024, kind: MESSAGE, envelope: toBase64Url(sealed.envelope) },
  ]);
  assert.deepEqual(
    [line.ours, line.verified, line.text, line.name],
    [true, true, "hello back", "Ana"],
  );
  assert.ok(conversation.hasArrived());
});

test("the same text is the same reply until it is known to be stored", () => {
  const conversation = direct(makeConversation(team));
  const first = conversation.reply("hello");
  assert.deepEqual(conversation.reply("hello").messageId, first.messageId);
  conversation.replied();
  assert.notDeepEqual(conversation.reply("hello").messageId, first.messageId);
});

test("a refused reply leaves no gap in the counters", () => {
  const made = makeConversation(team);
  const conversation = direct(made);
  const counterOf = ({ envelope }) =>
    openEnvelope(envelope, MESSAGE, made.messages, made.id, [TEAM_TO_CLIENT]).envelope.counter;
  assert.equal(counterOf(conversation.reply("one")), 1);
  conversation.unreply();
  assert.equal(counterOf(conversation.reply("two")), 1);
  conversation.replied();
  assert.equal(counterOf(conversation.reply("three")), 2);
});

test("for a messenger the courier gets a signed item, sealed to the keeper", async () => {
  const made = makeConversation(team, { channel: "signal" });
  const conversation = direct(made);
  const keeper = newBoxKeys();
  let sent = null;
  const api = {
    async post(path, body) {
      if (path === "/api/nonce") {
        return { nonce: toBase64Url(randomBytes(32)), start_key: toBase64Url(keeper.public) };
      }
      sent = body;
      return { number: 1, due: 2 };
    },
  };
  await sendReply(api, team.member, { conversation, text: "hello", anyway: false }, noPause);
  const item = openSealed(0x41, keeper, fromBase64Url(sent.outbox_request));
  const opened = openOutboxItem(team.courier.box, item, made.id, fromBase64Url(sent.message));
  assert.deepEqual(
    [opened.item.text, opened.item.channel, opened.item.epoch],
    ["hello", "signal", 1],
  );
  assert.ok(isOutboxItemVerified(opened, team.team.sign.public));
});

test("after silence the same envelope goes out again; a refusal then proves nothing", async () => {
  const conversation = direct(makeConversation(team));
  const sent = [];
  let failures = 1;
  const api = {
    async post(path, body) {
      if (path === "/api/nonce") {
        return { nonce: toBase64Url(randomBytes(32)), start_key: START };
      }
      sent.push(body);
      if (failures) {
        failures -= 1;
        throw new (await import("./api.js")).NoAnswer();
      }
      throw new Refusal("moved_on", { number: 9 });
    },
  };
  const taken = { conversation, text: "hello", anyway: false };
  await assert.rejects(sendReply(api, team.member, taken, noPause), Refusal);
  assert.equal(sent.length, 2);
  assert.deepEqual([sent[0].message, sent[0].envelope], [sent[1].message, sent[1].envelope]);
  assert.notEqual(sent[0].signature, sent[1].signature);
  assert.equal(toBase64Url(conversation.reply("hello").messageId), sent[0].message);
});

test("notes and drafts are sealed to the team only, each as its own kind", () => {
  const made = makeConversation(team);
  const conversation = direct(made);
  const note = fromBase64Url(conversation.note("for us").envelope);
  assert.equal(openEnvelope(note, NOTE, made.notes, made.id, [TEAM_NOTE]).envelope.text, "for us");
  assert.throws(
    () => openEnvelope(note, MESSAGE, made.messages, made.id, [TEAM_TO_CLIENT]),
    CannotOpen,
  );
  const draft = conversation.draft("not yet");
  assert.equal(conversation.readDraft(draft), "not yet");
  assert.equal(
    direct(makeConversation(team)).readDraft(draft),
    "",
    "a draft of another conversation",
  );
  assert.throws(
    () => openEnvelope(fromBase64Url(draft), NOTE, made.notes, made.id, [TEAM_NOTE]),
    CannotOpen,
  );
  assert.equal(
    openEnvelope(fromBase64Url(draft), NOTE, made.notes, made.id, [DRAFT]).envelope.name,
    "Ana",
  );
});

test("what is forgotten writes and reads nothing any more", () => {
  const made = makeConversation(team);
  const conversation = direct(made);
  conversation.thread.take([made.wrote(1024, "hello")]);
  conversation.forget();
  assert.equal(conversation.thread.lines.length, 0);
  assert.throws(() => conversation.reply("hello"), CannotOpen);
  assert.ok(made.messages.secret.every((byte) => byte === 0));
});

test("earlier epochs open through the seed the later one keeps; wrong seeds do not count", () => {
  const fresh = makeTeam();
  const { member, roster, seeds } = fresh;
  const nextSeed = randomBytes(32);
  const next = teamKeys(nextSeed);
  const earlierSeed = sealEarlierSeed(next.box.public, 1, seeds.team);
  const payload = epochPayload({
    number: 2,
    boxKey: next.box.public,
    signKey: next.sign.public,
    earlierSeed,
  });
  const entry = signEntry(roster, EPOCH, payload, member.staffId, member.keys.sign, 1_700_000_100);
  const later = extend(roster, entry);
  const grants = [sealGrant(member.keys.box.public, 2, nextSeed)];
  assert.deepEqual([...openTeam(member.keys.box, grants, later).keys()].sort(), [1, 2]);
  const wrong = [sealGrant(member.keys.box.public, 2, randomBytes(32))];
  assert.equal(openTeam(member.keys.box, wrong, later).size, 0);
  assert.equal(openTeam(newBoxKeys(), grants, later).size, 0);
});

test("no remedy for files speaks of a text or a draft", async () => {
  const strings = JSON.parse(
    await readFile(new URL("../../intake_server/desk/strings/en.json", import.meta.url), "utf8"),
  );
  const reasons = "uncertain earlier_epoch not_verified no_address gone forgotten not_encrypted";
  for (const reason of reasons.split(" ")) {
    const { text } = strings[remedyOf(reason, true)];
    assert.match(text, /files?/, reason);
    assert.doesNotMatch(text, /draft|Keep the text/, reason);
  }
  assert.equal(remedyOf("gone", false), "remedy.write_again");
});
