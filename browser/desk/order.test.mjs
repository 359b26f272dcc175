// The rules of triage/queue.py, tried on its twin.

import assert from "node:assert/strict";
import { test } from "node:test";

import { randomBytes, toBase64Url } from "../envelope/bytes.js";
import { oldestWaits, order, orderMine, roundedWait, standing } from "./order.js";

const NOW = 1_700_000_000;
const HOUR = 3600;
let made = 0;

const row = (urgency, waited, more = {}) => ({
  conversation: toBase64Url(
    Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? (made += 1) : 0)),
  ),
  urgency,
  urgency_by: "screened",
  waiting_since: waited === null ? null : NOW - waited,
  due: NOW + 10 * 24 * HOUR,
  state: "waiting",
  holder: null,
  ...more,
});
const ids = (places) => places.map((place) => place.row.conversation);

test("higher urgency first, then who waits longest", () => {
  const [a, b, c, d] = [row(1, 60), row(3, 10), row(2, 30), row(2, 90)];
  assert.deepEqual(ids(order([a, b, c, d], NOW)), ids([b, d, c, a].map((r) => ({ row: r }))));
});

test("waiting lifts, but never to immediate danger", () => {
  assert.equal(standing(row(1, 6 * HOUR), NOW).effective, 2);
  assert.equal(standing(row(1, 6 * HOUR - 1), NOW).effective, 1);
  assert.equal(standing(row(0, 24 * HOUR), NOW).effective, 1);
  assert.equal(standing(row(0, 500 * HOUR), NOW).effective, 2);
  assert.equal(standing(row(2, 500 * HOUR), NOW).effective, 2);
});

test("a lifted one joins the end of its new level, and nobody new overtakes it", () => {
  const lifted = row(1, 6 * HOUR + 60);
  const before = row(2, 120);
  const after = row(2, 30);
  assert.deepEqual(
    ids(order([after, lifted, before], NOW)),
    ids([before, lifted, after].map((r) => ({ row: r }))),
  );
});

test("ties are broken by the id, by its bytes", () => {
  const rows = Array.from({ length: 60 }, () => ({
    ...row(1, 60),
    conversation: toBase64Url(randomBytes(16)),
  }));
  const bytes = (id) => Buffer.from(id, "base64url").toString("hex");
  const sorted = rows.map((r) => r.conversation).sort((a, b) => (bytes(a) < bytes(b) ? -1 : 1));
  assert.deepEqual(ids(order(rows, NOW)), sorted);
});

test("nothing is left out and nothing twice, for any rows", () => {
  for (let run = 0; run < 200; run += 1) {
    const rows = Array.from({ length: 30 }, () =>
      row(
        Math.floor(Math.random() * 4),
        Math.random() < 0.1 ? null : Math.floor(Math.random() * 100 * HOUR),
      ),
    );
    const places = order(rows, NOW);
    assert.equal(new Set(ids(places)).size, rows.length);
    for (let i = 1; i < places.length; i += 1) {
      assert.ok(places[i - 1].effective >= places[i].effective);
      const lastDanger = places.findLastIndex((place) => place.row.urgency === 3);
      assert.ok(places.slice(0, lastDanger + 1).every((place) => place.row.urgency === 3));
    }
  }
});

test("tags by rank", () => {
  assert.deepEqual(standing(row(3, 5 * 60), NOW).tags, ["late"]);
  assert.deepEqual(standing(row(3, 5 * 60 - 1), NOW).tags, []);
  assert.deepEqual(standing(row(1, 60, { due: NOW + HOUR }), NOW).tags, ["last_day"]);
  assert.deepEqual(standing(row(1, 60, { urgency_by: "not_screened" }), NOW).tags, [
    "not_screened",
  ]);
  assert.deepEqual(standing(row(1, null), NOW).tags, []);
});

test("one's own: who waits first, then what is forgotten soonest", () => {
  const waits = row(0, 60);
  const soon = row(2, null, { due: NOW + HOUR });
  const later = row(3, null, { due: NOW + 5 * HOUR });
  assert.deepEqual(
    ids(orderMine([later, soon, waits], NOW)),
    ids([waits, soon, later].map((r) => ({ row: r }))),
  );
});

test("the longest wait of each urgency that somebody waits with", () => {
  const waits = oldestWaits([row(3, 120), row(1, 60), row(1, 600), row(2, null)], NOW);
  assert.deepEqual(waits, [
    { urgency: 3, waited: 120 },
    { urgency: 1, waited: 600 },
  ]);
});

test("waiting times are rounded down", () => {
  assert.deepEqual(roundedWait(59), { unit: "minutes", count: 0 });
  assert.deepEqual(roundedWait(3599), { unit: "minutes", count: 59 });
  assert.deepEqual(roundedWait(47 * HOUR), { unit: "hours", count: 47 });
  assert.deepEqual(roundedWait(49 * HOUR), { unit: "days", count: 2 });
});
