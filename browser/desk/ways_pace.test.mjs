// How often the desk asks about messengers, whatever is written in a chat.

import assert from "node:assert/strict";
import test from "node:test";

import { eventsOf } from "./channel_events.js";
import { isAboutMessengers, newWaysPace } from "./ways_pace.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const asks = (text) =>
  isAboutMessengers(eventsOf({ ours: false, verified: true, fromCourier: true, text }));

test("who joined, who left and new hours are asked about", () => {
  for (const text of ["[joined matrix]", "[left signal]", "[safe hours off]", "[safe hours 18:00-06:30]"]) {
    assert.ok(asks(text), text);
  }
});

test("ordinary things of a messenger conversation cost no opening", () => {
  for (const text of ["[voice]", "[picture] [too large]", "[new keys]", "[unreadable]", "a text"]) {
    assert.ok(!asks(text), text);
  }
});

test("whoever writes without end uses up few of the openings of an hour", () => {
  const pace = newWaysPace();
  const asked = [];
  for (let ms = 0; ms < HOUR; ms += 1_000) {
    if (pace.mayAsk(ms)) {
      asked.push(ms);
    }
  }
  assert.deepEqual(asked.slice(0, 4), [0, 10_000, 70_000, 370_000]);
  assert.ok(asked.length <= 15);
  assert.ok(!pace.mayAsk(HOUR));
});

test("after a quiet hour, and after one's own answer, it is asked at once", () => {
  const pace = newWaysPace();
  for (const ms of [0, 10_000, 70_000]) {
    assert.ok(pace.mayAsk(ms));
  }
  assert.ok(!pace.mayAsk(80_000));
  pace.hurry();
  assert.ok(pace.mayAsk(80_000), "the answer may wait for hours that are new");
  assert.ok(!pace.mayAsk(81_000), "once");
  assert.ok(pace.mayAsk(80_000 + HOUR));
  assert.ok(pace.mayAsk(90_000 + HOUR));
});
