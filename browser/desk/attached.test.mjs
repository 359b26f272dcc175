// What is attached to an open conversation: opened once, given up when it is left, sent whole.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readList, writeList, sealChunk, describe } from "../envelope/attachments.js";
import { fromBase64Url, randomBytes, toBase64Url } from "../envelope/bytes.js";
import { FORMAT_ATTACHMENTS, openEnvelope, TEAM_TO_CLIENT } from "../envelope/envelope.js";
import { MESSAGE } from "../envelope/sealing.js";
import { isOutboxItemVerified, openOutboxItem } from "../envelope/wraps.js";
import { NoAnswer, Refusal } from "./api.js";
import { Left, newAttached, useOf } from "./attached.js";
import { newConversation } from "./conversation.js";
import { makeConversation, makeTeam } from "./made_for_tests.mjs";

function place() {
  const team = makeTeam();
  const made = makeConversation(team);
  const conversation = newConversation(team.member, team.writer, made.row, made.wrap);
  const addresses = { made: [], given: [], next: 0 };
  addresses.createObjectURL = (blob) => {
    addresses.next += 1;
    addresses.made.push(blob);
    return `blob:${addresses.next}`;
  };
  addresses.revokeObjectURL = (address) => addresses.given.push(address);
  return { team, made, conversation, addresses };
}

/** A line with one attachment, and a server that has its chunks. */
function received({ made, conversation }) {
  const bytes = new Uint8Array(70_000).fill(7);
  bytes.set(new TextEncoder().encode("OggS"));
  const one = describe("ogg", bytes.length);
  const id = randomBytes(16);
  const chunks = [0, 1].map((i) => toBase64Url(sealChunk(one, made.id, id, bytes, i)));
  let asked = 0;
  const api = {
    async post(path, body) {
      asked += 1;
      assert.equal(path, "/api/attached");
      assert.equal(body.conversation, conversation.key);
      return { sealed: chunks.slice(body.first) };
    },
  };
  return { one, line: { id: toBase64Url(id) }, api, bytes, count: () => asked };
}

test("pictures and sounds are shown, everything else is only saved", () => {
  assert.deepEqual(["jpeg", "png", "ogg", "m4a", "pdf", "mp4", "html"].map(useOf), [
    ...["picture", "picture", "sound", "sound"],
    ...["other", "other", "other"],
  ]);
});

test("opened once, and every address given up when the conversation is left", async () => {
  const here = place();
  const { one, line, api, bytes, count } = received(here);
  const attached = newAttached(api, here.conversation, here.addresses);
  const both = await Promise.all([attached.address(line, one), attached.address(line, one)]);
  assert.deepEqual(both, ["blob:1", "blob:1"]);
  assert.equal(count(), 1);
  assert.deepEqual(new Uint8Array(await here.addresses.made[0].arrayBuffer()), bytes);
  assert.equal(here.addresses.made[0].type, "audio/ogg");
  attached.forget();
  assert.deepEqual(here.addresses.given, ["blob:1"]);
});

test("a page that is called a picture gets no address", async () => {
  const here = place();
  const bytes = new TextEncoder().encode("<!doctype html><script>alert(1)</script>");
  const one = describe("png", bytes.length);
  const id = randomBytes(16);
  const sealed = [toBase64Url(sealChunk(one, here.made.id, id, bytes, 0))];
  const attached = newAttached({ post: async () => ({ sealed }) }, here.conversation, here.addresses);
  await assert.rejects(attached.address({ id: toBase64Url(id) }, one));
  assert.deepEqual(here.addresses.made, []);
});

test("what arrives after leaving is dropped", async () => {
  const here = place();
  const { one, line, api } = received(here);
  const attached = newAttached(api, here.conversation, here.addresses);
  const late = attached.address(line, one);
  attached.forget();
  await assert.rejects(late, Left);
  assert.deepEqual(here.addresses.made, []);
});

test("another conversation's chunks do not open, and may be asked for again", async () => {
  const here = place();
  const { one, line, api, count } = received(here);
  const other = place();
  const elsewhere = { ...other.conversation, key: here.conversation.key };
  const attached = newAttached(api, elsewhere, here.addresses);
  await assert.rejects(attached.address(line, one));
  await assert.rejects(attached.address(line, one));
  assert.equal(count(), 2);
});

const prepared = [{ kind: "png", bytes: new Uint8Array(300_000).fill(3) }];
const nothing = () => undefined;

function server(answers) {
  const asked = [];
  return {
    asked,
    async post(path, body) {
      asked.push([path, body]);
      if (path === "/api/nonce") {
        return { nonce: toBase64Url(randomBytes(32)), start_key: toBase64Url(randomBytes(32)) };
      }
      if (path === "/api/reply") {
        const answer = answers.shift();
        if (answer instanceof Error) {
          throw answer;
        }
        return answer;
      }
      return {};
    },
  };
}

test("chunks first, then one message that names them; again after no answer", async () => {
  const here = place();
  const api = server([new NoAnswer(), { number: 1024, due: 5 }]);
  const attached = newAttached(api, here.conversation, here.addresses);
  const stored = await attached.send(here.team.member, prepared, nothing, async () => undefined);
  assert.equal(stored.number, 1024);
  const paths = api.asked.map(([path]) => path).filter((path) => path !== "/api/nonce");
  assert.deepEqual(paths, ["/api/attach", "/api/attach", "/api/reply", "/api/reply"]);
  const replies = api.asked.filter(([path]) => path === "/api/reply").map(([, body]) => body);
  assert.equal(replies[0].envelope, replies[1].envelope);
  const blob = fromBase64Url(replies[0].envelope);
  const directions = [TEAM_TO_CLIENT];
  const { envelope } = openEnvelope(blob, MESSAGE, here.made.messages, here.made.id, directions);
  assert.equal(envelope.format, FORMAT_ATTACHMENTS);
  const [one] = readList(envelope.text);
  assert.equal(writeList([one]), envelope.text);
  assert.deepEqual(replies[0].attached, [toBase64Url(one.id)]);
});

test("to a messenger their keys go to the courier, signed and for this message alone", () => {
  const team = makeTeam();
  const made = makeConversation(team, { channel: "signal" });
  const conversation = newConversation(team.member, team.writer, made.row, made.wrap);
  const [messageId, list] = [randomBytes(16), [describe("ogg", 70_000), describe("jpeg", 9)]];
  const sealed = conversation.attach(messageId, list, "matrix");
  const opened = openOutboxItem(team.courier.box, sealed.outboxItem, made.id, messageId);
  assert.ok(isOutboxItemVerified(opened, team.team.sign.public));
  assert.deepEqual(opened.item.attachments, list);
  assert.deepEqual([opened.item.channel, opened.item.text, sealed.channel], ["matrix", "", "matrix"]);
  const onThePage = place();
  assert.equal(onThePage.conversation.attach(messageId, list).outboxItem, null);
});

test("what is refused leaves no gap in the writer's count", async () => {
  const here = place();
  const api = server([new Refusal("claim_lost", {}), { number: 1024, due: 5 }]);
  const attached = newAttached(api, here.conversation, here.addresses);
  const send = () => attached.send(here.team.member, prepared, nothing, async () => undefined);
  await assert.rejects(send(), Refusal);
  await send();
  const [first, second] = api.asked
    .filter(([path]) => path === "/api/reply")
    .map(([, { envelope }]) => fromBase64Url(envelope))
    .map((blob) => openEnvelope(blob, MESSAGE, here.made.messages, here.made.id, [TEAM_TO_CLIENT]));
  assert.equal(first.envelope.counter, second.envelope.counter);
});
