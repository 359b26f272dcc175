// Spans, findings, the second key, shortcuts, the lock, the list that holds still, texts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { newLines } from "./events.js";
import { readScreening, sourceOf } from "./findings.js";
import { BAND, newHeldList, windowOf } from "./held_list.js";
import { newIdle } from "./idle.js";
import { isLongEnough, offerPassword } from "./password.js";
import { readToken } from "./set_up.js";
import { actionOf, newDoublePress } from "./shortcuts.js";
import { piecesOf, quoteOf } from "./spans.js";
import { clean, isEmpty, tooLongBy } from "./text.js";
import { base32, codeAt, isCodeNow, keyUri, readCode } from "./totp.js";
import { WORDS } from "../phrase/words.js";
import { newWords } from "./words.js";

test("spans count code points, not UTF-16 units", () => {
  const text = "😀😀 he keeps my passport 👩‍👧 here";
  const start = Array.from(text).join("").indexOf("passport");
  const points = Array.from(text);
  const from = points.findIndex((_, i) => points.slice(i, i + 8).join("") === "passport");
  assert.notEqual(start, from);
  const span = { start: from, end: from + 8 };
  assert.equal(quoteOf(text, span), "passport");
  const pieces = piecesOf(text, [span]);
  assert.deepEqual(
    pieces.filter(({ numbers }) => numbers.length),
    [{ text: "passport", numbers: [1] }],
  );
  assert.equal(pieces.map((piece) => piece.text).join(""), text);
});

test("overlapping spans and spans past the end lose no text", () => {
  const text = "every day until 12 at night";
  const pieces = piecesOf(text, [
    { start: 0, end: 9 },
    { start: 6, end: 15 },
    { start: 20, end: 999 },
  ]);
  assert.equal(pieces.map((piece) => piece.text).join(""), text);
  assert.deepEqual(pieces.find((piece) => piece.text === "day").numbers, [1, 2]);
});

test("findings of another shape are not read", () => {
  const good = {
    v: 1,
    version: "1+ab",
    screened: true,
    urgency: 2,
    why: "strong_sign",
    reason: "A strong sign.",
    language: "en",
    flags: ["minor"],
    routes: [],
    findings: [
      {
        category: "debt_bondage",
        start: 1,
        end: 4,
        rule: "r",
        explanation: "e",
        instrument: "ILO11",
        item: "9",
        strength: "strong",
        applies: "any",
      },
    ],
  };
  assert.equal(readScreening(JSON.stringify(good)).findings[0].category, "debt_bondage");
  for (const wrong of [
    { v: 2 },
    { urgency: 4 },
    { findings: [{ ...good.findings[0], start: 4 }] },
    { flags: [1] },
    { findings: "x" },
    { findings: [{ ...good.findings[0], strength: "score 93" }] },
    { set_aside: "x" },
    { set_aside: [{ ...good.findings[0], end: 1 }] },
    { set_aside: Array.from({ length: 65 }, () => good.findings[0]) },
    { flag_words: [{ flag: "minor", start: 3, end: 3 }] },
    { flag_words: [{ start: 1, end: 3 }] },
  ]) {
    assert.equal(readScreening(JSON.stringify({ ...good, ...wrong })), null);
  }
  assert.equal(readScreening("not JSON"), null);
  assert.deepEqual(readScreening(JSON.stringify(good)).set_aside, [], "none in older findings");
  assert.deepEqual(readScreening(JSON.stringify(good)).flag_words, [], "the same");
  const words = [{ flag: "minor", start: 0, end: 2, rule: "en.minor.age" }];
  const aside = { ...good, findings: [], set_aside: good.findings, flag_words: words };
  assert.deepEqual(readScreening(JSON.stringify(aside)), aside);
  assert.equal(sourceOf({ instrument: "ILO11", item: "7 papers" }), "ILO 11, 7 papers");
});

test("the second key's numbers are those of RFC 6238, appendix B", () => {
  const secret = new TextEncoder().encode("12345678901234567890");
  for (const [seconds, code] of [
    [59, 287082],
    [1111111109, 81804],
    [1234567890, 5924],
    [2000000000, 279037],
  ]) {
    assert.equal(codeAt(secret, Math.floor(seconds / 30)), code);
    assert.ok(isCodeNow(secret, code, seconds));
    assert.ok(isCodeNow(secret, code, seconds + 30));
    assert.ok(!isCodeNow(secret, code, seconds + 90));
  }
  assert.equal(base32(new TextEncoder().encode("foobar")), "MZXW6YTBOI");
  assert.equal(base32(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
  assert.equal(readCode(" 081 804 "), 81804);
  assert.equal(readCode("0818"), null);
  assert.equal(readCode("08180a"), null);
  assert.match(
    keyUri(secret, "Desk", "ana p"),
    /^otpauth:\/\/totp\/Desk%3Aana%20p\?secret=GEZ[A-Z0-9]+&issuer=Desk$/,
  );
});

const where = { field: false, composer: false, list: true, single: true };
const press = (key, more = {}) => ({
  key,
  code: `Key${key.toUpperCase()}`,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  isComposing: false,
  ...more,
});

test("single keys are dead in fields, with another key, switched off and elsewhere", () => {
  assert.equal(actionOf(press("c"), where), "claim");
  assert.equal(actionOf(press("c"), { ...where, field: true }), null);
  assert.equal(actionOf(press("c"), { ...where, single: false }), null);
  assert.equal(actionOf(press("c"), { ...where, list: false }), null);
  assert.equal(actionOf(press("c", { ctrlKey: true }), where), null);
  assert.equal(actionOf(press("c", { altKey: true }), where), null);
  assert.equal(actionOf(press("c", { isComposing: true }), where), null);
});

test("keys are matched by letter on Latin layouts and by place on others", () => {
  assert.equal(actionOf({ ...press("j"), code: "KeyC" }, where), "down"); // Dvorak
  assert.equal(actionOf({ ...press("о"), code: "KeyJ" }, where), "down"); // Cyrillic
  assert.equal(actionOf({ ...press("ت"), code: "KeyJ" }, where), "down"); // Arabic
  assert.equal(actionOf({ ...press("с"), code: "KeyC" }, where), "claim"); // Cyrillic es
});

test("sending is Ctrl+Enter in the answer only; Enter never sends", () => {
  const enter = { ...press("Enter"), code: "Enter" };
  const composing = { ...where, field: true, composer: true };
  assert.equal(actionOf({ ...enter, ctrlKey: true }, composing), "send");
  assert.equal(actionOf({ ...enter, ctrlKey: true }, { ...composing, composer: false }), null);
  assert.equal(actionOf({ ...enter, ctrlKey: true }, where), null);
  assert.equal(actionOf(enter, composing), null);
  assert.equal(actionOf(press("z"), composing), null);
  assert.equal(actionOf(press("z"), { ...composing, held: true }), "undo");
  assert.equal(actionOf(enter, where), "open");
});

test("locking needs the key twice, soon", () => {
  const locks = newDoublePress();
  assert.deepEqual([locks(0), locks(300), locks(400), locks(1_200)], [false, true, false, false]);
});

test("the desk warns after 14 minutes and locks after 15", () => {
  const idle = newIdle(0);
  assert.equal(idle.stage(13 * 60_000), "awake");
  assert.equal(idle.stage(14 * 60_000), "warned");
  idle.touch(14 * 60_000 + 1);
  assert.equal(idle.stage(28 * 60_000), "awake");
  assert.equal(idle.stage(29 * 60_000 + 1), "locked");
});

test("a list holds still while somebody is in it", () => {
  const list = newHeldList();
  assert.deepEqual(list.arrange(["a", "b"], true).ids, ["a", "b"]);
  list.touched(true, 0);
  assert.ok(!list.mayMove(60_000));
  const held = list.arrange(["c", "b", "d"], list.mayMove(60_000));
  assert.deepEqual(held, { ids: ["a", "b"], fresh: ["c", "d"] });
  list.touched(false, 60_000);
  assert.ok(!list.mayMove(61_000));
  assert.ok(list.mayMove(62_000));
  assert.deepEqual(list.arrange(["c", "b", "d"], true).ids, ["c", "b", "d"]);
  assert.equal(BAND, 2);
});

test("only a window of a long list stands in the document", () => {
  for (const top of [0, 1_000, 300_000, 559_000]) {
    const { first, last } = windowOf(top, 600, 56, 10_000);
    assert.ok(first * 56 <= top && last * 56 >= Math.min(top + 600, 560_000));
    assert.ok(last - first <= 40);
  }
  assert.deepEqual(windowOf(0, 600, 56, 3), { first: 0, last: 3 });
  assert.deepEqual(windowOf(5_000, 600, 56, 3), { first: 3, last: 3 });
});

test("texts are cleaned as a client's are", () => {
  assert.equal(clean("a\r\nb\u202ec\u0000"), "a\nbc");
  assert.ok(isEmpty(" \u200b\n\t"));
  assert.equal(tooLongBy("x".repeat(4_003), "Ana"), 3);
  assert.equal(tooLongBy("😀".repeat(4_000), "Ana"), 0);
});

test("passwords: long enough counts characters; the offered one is", () => {
  assert.ok(isLongEnough("correct horse b"));
  assert.ok(!isLongEnough("😀".repeat(14)));
  const offered = offerPassword(WORDS);
  assert.equal(offered.split("-").length, 6);
  assert.ok(isLongEnough(offered) && offered !== offerPassword(WORDS));
});

test("a set-up token is 32 bytes of base64url, or none", () => {
  assert.equal(readToken(`#setup=${"A".repeat(43)}`).length, 32);
  for (const other of [
    "",
    "#setup=",
    `#setup=${"A".repeat(42)}`,
    `#setup=${"A".repeat(43)}&x`,
    "#other",
  ]) {
    assert.equal(readToken(other), null);
  }
});

test("lines of a stream come whole however they are cut", () => {
  const lines = newLines();
  assert.deepEqual(
    [lines('{"a":1}\n{"b'), lines('":2}'), lines("\n\n")],
    [['{"a":1}'], [], ['{"b":2}']],
  );
});

test("no day ends with a dot, or a sentence that ends with it would have two", () => {
  for (const language of ["ar", "de", "en", "fr", "pt", "ro", "ru", "sr-Latn", "th", "uk"]) {
    const t = newWords({}, language);
    for (let month = 0; month < 12; month += 1) {
      const day = t.day(new Date(2026, month, 5).getTime());
      assert.ok(!day.endsWith("."), `${language}: ${day}`);
    }
  }
  assert.equal(newWords({}, "de").day(new Date(2026, 11, 5).getTime()), "5. Dezember");
  assert.equal(newWords({}, "en-GB").day(new Date(2026, 11, 5).getTime()), "5 Dec");
});

test("gaps in strings are filled with text or elements", () => {
  const t = newWords({ a: "Send to {mark} now", b: "{x}" }, "en");
  const sign = { sign: true };
  assert.deepEqual(t.parts("a", { mark: sign }), ["Send to ", sign, " now"]);
  assert.equal(t("b", { x: 3 }), "3");
  assert.equal(t("b"), "{x}");
});

test("what a rule found is told in the desk's language, with the words it names", () => {
  const strings = { "explained.The papers.": "Die Papiere.", "explained.Words about this:": "Worte:" };
  const t = newWords(strings, "de");
  assert.equal(t.explained("The papers."), "Die Papiere.");
  assert.equal(t.explained("The papers. Spelling guess."), "Die Papiere.");
  assert.equal(t.explained("Words about this: “Pass”, “weg: “nie””"), "Worte: “Pass”, “weg: “nie””");
  assert.equal(t.explained("An organisation's own."), "An organisation's own.");
  assert.equal(t.explained("Own: “words”"), "Own: “words”");
  assert.equal(t.explained(""), "");
});
