// What is said on top of the desk about the messengers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { channelTroubles } from "./channels_view.js";

const t = (id, { channel = "" } = {}) => `${id} ${channel}`.trim();
t.channel = (name) => name.toUpperCase();
const one = (standing, more = {}) => ({ name: "signal", standing, gap: false, ...more });
const told = (...channels) => channelTroubles(t, { known: true, channels });

test("nothing is said before anything is known, nor where all is well", () => {
  const nothing = { text: "", isUrgent: false };
  assert.deepEqual(channelTroubles(t, null), nothing);
  assert.deepEqual(told(), nothing);
  assert.deepEqual(told(one("well"), one("limited")), nothing);
});

test("each messenger that is not well is named, the urgent ones in red", () => {
  assert.deepEqual(told(one("away")), { text: "channels.trouble_away SIGNAL", isUrgent: false });
  for (const standing of ["late", "not_started"]) {
    assert.deepEqual(told(one("well"), one(standing)), {
      text: `channels.trouble_${standing} SIGNAL`,
      isUrgent: true,
    });
  }
});

test("a gap is said also where all is well again", () => {
  assert.equal(told(one("well", { gap: true })).text, "channels.trouble_gap SIGNAL");
  assert.equal(
    told(one("away", { gap: true })).text,
    "channels.trouble_away SIGNAL channels.trouble_gap SIGNAL",
  );
});

test("a courier that does not answer is no good news", () => {
  assert.equal(channelTroubles(t, { known: false, channels: [] }).text, "channels.unknown");
});
