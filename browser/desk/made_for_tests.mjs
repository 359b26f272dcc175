// A team, people and conversations made of real keys, for the tests beside this file.

import { concat, fromBase64Url, pack, randomBytes, toBase64Url, u32, u64 } from "../envelope/bytes.js";
import { CLIENT_TO_TEAM, FORMAT_MESSAGE, FROM_CLIENT, sealEnvelope } from "../envelope/envelope.js";
import { KEEPER_ANSWER, MESSAGE, newBoxKeys, seal, signKeys } from "../envelope/sealing.js";
import { sealGrant, sealTeamWrap, staffKeys, teamKeys } from "../envelope/wraps.js";
import { ADMIN, COUNSELLOR, signFounding, verifyChain } from "../roster/roster.js";
import { newWriter } from "./conversation.js";
import { openTeam } from "./team.js";

/** A founded team with one member who holds its key. */
export function makeTeam(shownName = "Ana") {
  const seeds = { staff: randomBytes(32), team: randomBytes(32) };
  const own = staffKeys(seeds.staff);
  const team = teamKeys(seeds.team);
  const root = signKeys(randomBytes(32));
  const courier = { box: newBoxKeys(), sign: signKeys(randomBytes(32)) };
  const caretaker = signKeys(randomBytes(32));
  const staffId = randomBytes(16);
  const founding = {
    rootKey: root.public,
    person: {
      staffId,
      name: "ana",
      shownName,
      boxKey: own.box.public,
      signKey: own.sign.public,
      roles: COUNSELLOR | ADMIN,
    },
    teamBoxKey: team.box.public,
    teamSignKey: team.sign.public,
    courierBoxKey: courier.box.public,
    courierSignKey: courier.sign.public,
    caretakerSignKey: caretaker.public,
    recoveryBoxKey: null,
  };
  const roster = verifyChain([signFounding(founding, root, 1_700_000_000)]);
  const grants = [sealGrant(own.box.public, 1, seeds.team)];
  const member = {
    staffId,
    name: shownName,
    keys: own,
    team: openTeam(own.box, grants, roster),
    roster,
  };
  return { member, roster, team, caretaker, courier, grants, seeds, writer: newWriter() };
}

/** A conversation as its client made it, and what the client can do with it. */
export function makeConversation(team, { channel = "web", now = 1_700_000_000 } = {}) {
  const id = randomBytes(16);
  const messages = newBoxKeys();
  const notes = newBoxKeys();
  const client = signKeys(randomBytes(32));
  const writerId = randomBytes(16);
  const key = toBase64Url(id);
  const verifyKey = channel === "web" ? client.public : null; // a chat has no phrase
  const wrap = { conversationId: id, epoch: 1, messages, notes, verifyKey };
  const row = {
    conversation: key,
    reference: toBase64Url(randomBytes(20)),
    channel,
    language: "en",
    urgency: 1,
    urgency_by: "screened",
    state: "waiting",
    holder: null,
    waiting_since: now,
    created: now,
    due: now + 14 * 86_400,
    epoch: 1,
    outbox: null,
  };
  let counter = 0;
  return {
    id,
    key,
    row,
    wrap,
    messages,
    notes,
    client,
    inner: sealTeamWrap(team.team.box.public, wrap),

    /** @returns {object} a row of /api/messages: what the client wrote */
    wrote(number, text, { signer = client, skip = 0, name = "Mira", format = FORMAT_MESSAGE, origin = FROM_CLIENT } = {}) {
      counter += 1 + skip;
      const envelope = sealEnvelope(
        {
          conversationId: id,
          messageId: randomBytes(16),
          writerId,
          counter,
          direction: CLIENT_TO_TEAM,
          origin,
          epoch: 0,
          timeMs: now * 1000,
          danger: false,
          format,
          text,
          name,
        },
        MESSAGE,
        messages.public,
        signer,
      );
      return { number, kind: MESSAGE, direction: 1, envelope: toBase64Url(envelope), hour: now };
    },
  };
}

/** The keeper's answer to "open team wrap", as it would be for these keys. */
export function keeperAnswer(made, body, changed = {}) {
  const say = {
    inner: made.inner,
    id: made.id,
    cpk: made.messages.public,
    npk: made.notes.public,
    verify: made.client.public,
    ways: new Uint8Array(37),
    ...changed,
  };
  const nonce = fromBase64Url(body.nonce);
  const fields = [
    say.inner,
    say.id,
    say.cpk,
    say.npk,
    say.verify,
    u64(made.row.due),
    u64(made.row.due),
    say.ways,
  ];
  return toBase64Url(seal(KEEPER_ANSWER, fromBase64Url(body.reply), pack(nonce, ...fields)));
}

/** What the keeper tells of messengers: number, begin, end (minutes of the day), until (seconds). */
export function waysBytes(isJoined, ...each) {
  const told = new Uint8Array(37);
  told[0] = isJoined ? 1 : 0;
  each.forEach(([number, begin, end, until], place) => {
    const minutes = Math.floor(until / 60);
    const way = concat([number], u32(begin).slice(2), u32(end).slice(2), u32(minutes));
    told.set(way, 1 + place * 9);
  });
  return told;
}
