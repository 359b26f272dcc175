// What a counsellor is told about a page that asks: with real keys, and a server that refuses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromBase64Url, pack, randomBytes, toBase64Url } from "../envelope/bytes.js";
import { FROM_COURIER } from "../envelope/envelope.js";
import { proposalHash } from "../envelope/proposal.js";
import { KEEPER_ANSWER, newBoxKeys, seal } from "../envelope/sealing.js";
import { Refusal } from "./api.js";
import { newConversation, newWriter } from "./conversation.js";
import { makeConversation, makeTeam } from "./made_for_tests.mjs";
import { newPageAnswers } from "./page_answers.js";

const team = makeTeam();
const start = newBoxKeys();

const makeKeys = () => ({
  lookupTag: randomBytes(16),
  verifyKey: randomBytes(32),
  boxKey: newBoxKeys().public,
});

/** A desk at which `asks` is named in the chat; `server` answers each path, `later` is fetched. */
function deskWhere(asks, server = {}, later = []) {
  const made = makeConversation(team, { channel: "signal" });
  const conversation = newConversation(team.member, newWriter(), made.row, made.wrap);
  const by = { signer: team.courier.sign, origin: FROM_COURIER, name: "" };
  const say = (text) =>
    conversation.thread.take([made.wrote(1024 * (conversation.thread.lines.length + 1), text, by)]);
  const named = (keys) => `[page asks signal ${toBase64Url(proposalHash(keys))}]`;
  say(named(asks));
  const talk = { conversation };
  const asked = [];
  const row = { ...made.row, holder: toBase64Url(team.member.staffId) };
  const api = {
    async post(path, body) {
      asked.push(path);
      if (path === "/api/nonce") {
        return { nonce: toBase64Url(randomBytes(32)), start_key: toBase64Url(start.public) };
      }
      const { fields = [], refusal } = server[path] ?? {};
      if (refusal) {
        throw new Refusal(...refusal);
      }
      const answer = pack(fromBase64Url(body.nonce), ...fields);
      return { answer: toBase64Url(seal(KEEPER_ANSWER, fromBase64Url(body.reply), answer)) };
    },
  };
  const rows = {
    get: () => row,
    patch: (_, changed) => Object.assign(row, changed),
    look: async () => undefined,
  };
  const answers = newPageAnswers({
    api,
    member: team.member,
    rows,
    of: () => talk,
    changed: () => undefined,
    fetchMore: async () => later.forEach((keys) => say(keys ? named(keys) : "[page off]")),
    tellReach: () => undefined,
  });
  return { answers, talk, asked, key: made.key };
}

const ASKING = "/api/page/asking";
const LET_IN = "/api/page/let_in";
const naming = ({ lookupTag, verifyKey, boxKey }) => ({ fields: [lookupTag, verifyKey, boxKey] });

test("a yes is asked once more before anything is asked of the keeper", () => {
  const { answers, talk, asked, key } = deskWhere(makeKeys());
  answers.weigh(key, true);
  assert.equal(talk.page.isWeighing, true);
  answers.weigh(key, false);
  assert.equal(talk.page.isWeighing, false);
  assert.deepEqual(asked, []);
});

test("who holds the conversation decides, and nobody else", async () => {
  const own = makeKeys();
  const refusal = ["claim_lost", { holder: null }];
  const { answers, talk, key } = deskWhere(own, { [ASKING]: naming(own), [LET_IN]: { refusal } });
  assert.equal(answers.isMine(key), true);
  await answers.answer(key, true);
  assert.equal(talk.page.said, "page.take_first");
  assert.equal(answers.isMine(key), false);
  assert.equal(talk.conversation.isPage, false);
});

test("what was written meanwhile is read first", async () => {
  const own = makeKeys();
  const refusal = ["moved_on", { number: 9 }];
  const { answers, talk, key } = deskWhere(own, { [ASKING]: naming(own), [LET_IN]: { refusal } });
  await answers.answer(key, true);
  assert.equal(talk.page.said, "page.moved_on");
});

test("other keys are an alarm only where no newer line explains them", async () => {
  const newer = makeKeys();
  for (const [later, said] of [
    [[], "page.other"],
    [[newer], "page.gone"],
    [[null], "page.gone"],
  ]) {
    const { answers, talk, asked, key } = deskWhere(makeKeys(), { [ASKING]: naming(newer) }, later);
    await answers.answer(key, true);
    assert.equal(talk.page.said, said);
    assert.ok(!asked.includes(LET_IN));
  }
});
