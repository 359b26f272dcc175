// What counsellors decide about findings: kept sealed, the last word holds, counted once and apart.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromBase64Url } from "../envelope/bytes.js";
import { openEnvelope, JUDGEMENT } from "../envelope/envelope.js";
import { NOTE } from "../envelope/sealing.js";
import { newConversation, newWriter } from "./conversation.js";
import { newDecisions } from "./decisions.js";
import { keyOf, newJudgements, readJudgement, writeJudgement } from "./judgements.js";
import { makeConversation, makeTeam } from "./made_for_tests.mjs";
import { placeOf, quoteOf } from "./spans.js";

const ABOUT = {
  of: "AAAAAAAAAAAAAAAAAAAAAA",
  rule: "en.papers.held",
  category: "document_retention",
  start: 3,
  end: 9,
};
const agreed = { ...ABOUT, said: "agreed" };
const dismissed = { ...ABOUT, said: "dismissed" };
const added = { ...ABOUT, rule: "", said: "added" };

test("a judgement is read as it was written, and nothing else is", () => {
  assert.deepEqual(readJudgement(writeJudgement(agreed)), agreed);
  const bare = { ...added, start: 0, end: 0 };
  assert.deepEqual(readJudgement(writeJudgement(bare)), bare);
  const wrong = [
    { ...agreed, said: "perhaps" },
    { ...agreed, said: "added" },
    { ...agreed, start: 0, end: 0 },
    { ...agreed, start: -1 },
    { ...agreed, end: 3 },
    { ...agreed, rule: 5 },
    { ...agreed, category: "x".repeat(81) },
  ];
  for (const one of wrong) {
    assert.equal(readJudgement(writeJudgement(one)), null, JSON.stringify(one));
  }
  for (const text of ["", "null", "{}", "[1]", writeJudgement(agreed).replace('"v":1', '"v":2')]) {
    assert.equal(readJudgement(text), null, text);
  }
});

test("the last word about a finding holds, and each finding has its own", () => {
  const judgements = newJudgements();
  judgements.take(agreed, "Ana");
  judgements.take({ ...agreed, start: 4 }, "Ana");
  judgements.take(dismissed, "Jo");
  assert.deepEqual(judgements.of(ABOUT), { ...dismissed, name: "Jo" });
  assert.equal(judgements.of({ ...ABOUT, start: 4 }).said, "agreed");
  judgements.take(added, "Ana");
  assert.deepEqual(
    judgements.addedTo(ABOUT.of).map((one) => one.said),
    ["added"],
  );
  judgements.take({ ...added, said: "dismissed" }, "Jo");
  assert.deepEqual(
    judgements.addedTo(ABOUT.of).map((one) => one.said),
    ["dismissed"],
  );
  assert.deepEqual(judgements.addedTo("another"), []);
});

test("a colleague reads what was decided; a forged one counts for nothing", () => {
  const team = makeTeam();
  const made = makeConversation(team);
  const write = newConversation(team.member, newWriter(), made.row, made.wrap);
  const row = (number, sealed) => ({ number, kind: NOTE, envelope: sealed.envelope });
  const read = newConversation(team.member, newWriter(), made.row, made.wrap).thread;
  const stored = row(1025, write.judge(agreed));
  const { envelope } = openEnvelope(
    fromBase64Url(stored.envelope),
    NOTE,
    made.wrap.notes,
    made.id,
    [JUDGEMENT],
  );
  assert.equal(envelope.text, writeJudgement(agreed));
  read.take([stored]);
  assert.equal(read.judgements.of(ABOUT).name, "Ana");
  assert.deepEqual(read.notes, []);

  const stranger = makeTeam("Eve");
  const forger = newConversation(stranger.member, newWriter(), made.row, made.wrap);
  read.take([row(1026, forger.judge(dismissed))]);
  assert.equal(read.judgements.of(ABOUT).said, "agreed");
  assert.deepEqual(
    read.notes.map((one) => one.verified),
    [false],
  );
});

test("a forgotten conversation keeps no judgement in memory", () => {
  const team = makeTeam();
  const made = makeConversation(team);
  const conversation = newConversation(team.member, newWriter(), made.row, made.wrap);
  conversation.thread.judgements.take(agreed, "Ana");
  conversation.forget();
  assert.equal(conversation.thread.judgements.of(ABOUT), undefined);
});

// --- counting -------------------------------------------------------------------------------

function counting(fails = false) {
  const posted = [];
  let nowMs = 0;
  const api = {
    async post(path, body) {
      posted.push({ path, body });
      if (fails) {
        throw new Error("no connection");
      }
    },
  };
  const decisions = newDecisions(
    api,
    () => nowMs,
    () => 0.5,
  );
  return { decisions, posted, at: (ms) => (nowMs = ms) };
}

const RIGHT = { rule: "en.papers.held", language: "en", verdict: "agreed" };
const WRONG = { ...RIGHT, verdict: "dismissed" };
const MINUTE = 60_000;

test("a decision is counted later, once, and without its conversation", async () => {
  const { decisions, posted, at } = counting();
  const about = `conversation ${keyOf(ABOUT)}`;
  decisions.take(about, RIGHT, true);
  decisions.take(about, WRONG, false);
  at(24 * MINUTE);
  decisions.tick();
  assert.deepEqual(posted, []);
  at(26 * MINUTE);
  decisions.tick();
  decisions.tick();
  assert.deepEqual(posted, [{ path: "/api/indicators/count", body: { decisions: [WRONG] } }]);
  decisions.take(about, RIGHT, false);
  at(60 * MINUTE);
  decisions.tick();
  assert.equal(posted.length, 1);
  for (const { body } of posted) {
    assert.ok(!JSON.stringify(body).includes("conversation"));
    assert.ok(!JSON.stringify(body).includes(ABOUT.of));
  }
});

test("each waits for ten minutes at least, also behind others", () => {
  const { decisions, posted, at } = counting();
  decisions.take("one", RIGHT, true);
  at(24 * MINUTE);
  decisions.take("two", WRONG, true);
  at(26 * MINUTE);
  decisions.tick();
  at(50 * MINUTE);
  decisions.tick();
  assert.deepEqual(
    posted.map(({ body }) => body.decisions),
    [[RIGHT]],
  );
  at(52 * MINUTE);
  decisions.tick();
  assert.deepEqual(posted[1].body.decisions, [WRONG]);
});

test("leaving the desk hands in nothing and forgets what it was about", () => {
  const { decisions, posted, at } = counting();
  decisions.take("about", RIGHT, true);
  decisions.letGo();
  assert.deepEqual(posted, []);
  decisions.take("about", WRONG, false); // nobody knows any more that this was the same finding
  at(26 * MINUTE);
  decisions.tick();
  assert.deepEqual(
    posted.map(({ body }) => body.decisions),
    [[RIGHT]],
  );
});

test("many go in parts, and a sign taken back does not", () => {
  const { decisions, posted, at } = counting();
  decisions.take("taken back", { ...RIGHT, verdict: "added" }, true);
  decisions.take("taken back", null, false);
  for (let i = 0; i < 100; i += 1) {
    decisions.take(`about ${i}`, RIGHT, true);
  }
  at(26 * MINUTE);
  decisions.tick();
  assert.deepEqual(
    posted.map(({ body }) => body.decisions.length),
    [64, 36],
  );
});

test("what did not arrive is never counted twice", () => {
  const { decisions, posted, at } = counting(true);
  decisions.take("one", RIGHT, true);
  at(26 * MINUTE);
  decisions.tick();
  at(60 * MINUTE);
  decisions.tick();
  assert.equal(posted.length, 1);
});

// --- words of a message ---------------------------------------------------------------------

test("words are found in the newest message that has them, counted in code points", () => {
  const texts = ["🌱 she locked me in", "nothing", "🌱🌱 again locked"];
  const place = placeOf("locked", texts);
  assert.equal(place.text, 2);
  assert.equal(quoteOf(texts[2], place), "locked");
  assert.deepEqual(placeOf("she", texts), { text: 0, start: 2, end: 5 });
  assert.deepEqual(placeOf("", texts), { text: 2, start: 0, end: 0 });
  assert.equal(placeOf("absent", texts), null);
  assert.equal(placeOf("", []), null);
});
