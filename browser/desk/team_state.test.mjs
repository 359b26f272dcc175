// The team as a browser sees it, and a server that lies: an added key, a swapped one, a chain
// without its tail. Nothing of it is believed, and nothing is signed for it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromBase64Url, pack, randomBytes, toBase64Url, u32 } from "../envelope/bytes.js";
import { KEEPER_ANSWER, seal } from "../envelope/sealing.js";
import { openGrant, sealEarlierSeed, sealGrant, staffKeys, teamKeys } from "../envelope/wraps.js";
import {
  ADMIN,
  COUNSELLOR,
  currentEpoch,
  EPOCH,
  epochPayload,
  extend,
  newcomerHash,
  PERSON,
  personPayload,
  REMOVAL,
  removalPayload,
  RosterError,
  signEntry,
} from "../roster/roster.js";
import { Refusal } from "./api.js";
import { invitationKeys, linkOf, newInvitation, readInvitation } from "./invitation.js";
import { keeperAnswer, makeConversation, makeTeam } from "./made_for_tests.mjs";
import { rewrapOne } from "./rewrapping.js";
import { forgetMember } from "./sign_in.js";
import { openTeam } from "./team.js";
import { newTeamState, readOn } from "./team_state.js";

const NOW = 1_700_000_100;

function person(name, roles = COUNSELLOR, seed = randomBytes(32)) {
  const keys = staffKeys(seed);
  const staffId = randomBytes(16);
  const { box, sign } = keys;
  const known = { staffId, name: "", shownName: name, boxKey: box.public, signKey: sign.public };
  return { keys, known: { ...known, roles } };
}

/** A team of two, and a server that keeps entries and grants as keeper and desk do. */
function makeHouse() {
  const team = makeTeam();
  const { member } = team;
  member.roles = COUNSELLOR | ADMIN;
  const jo = person("Jo");
  const add = (type, payload) =>
    signEntry(member.roster, type, payload, member.staffId, member.keys.sign, NOW);
  const entries = [add(PERSON, personPayload(jo.known))];
  member.roster = extend(member.roster, entries[0]);
  const first = member.roster;
  const holders = new Map([
    [toBase64Url(member.staffId), 1],
    [toBase64Url(jo.known.staffId), 1],
  ]);
  const given = new Map();
  const asked = [];
  const answer = (body, ...fields) =>
    toBase64Url(
      seal(KEEPER_ANSWER, fromBase64Url(body.reply), pack(fromBase64Url(body.nonce), ...fields)),
    );
  const appended = [];
  const server = {
    "/api/nonce": () => ({
      nonce: toBase64Url(randomBytes(32)),
      start_key: toBase64Url(staffKeys(randomBytes(32)).box.public),
    }),
    "/api/roster": () => ({ entries: appended.map(toBase64Url), number: 2 + appended.length }),
    "/api/team": (body) => {
      const rows = [...holders].flatMap(([id, epoch]) => [...fromBase64Url(id), ...u32(epoch)]);
      return { answer: answer(body, pack(), Uint8Array.from(rows)) };
    },
    "/api/team/grant": (body) => {
      given.set(`${body.person} ${body.epoch}`, fromBase64Url(body.grant));
      return {};
    },
    "/api/team/append": (body) => {
      const entry = fromBase64Url(body.entry);
      extend(appended.reduce(extend, first), entry);
      appended.push(entry);
      return {};
    },
    "/api/team/grants": (body) => {
      const own = [...given].filter(([key]) => key.startsWith(toBase64Url(member.staffId)));
      return { answer: answer(body, ...own.map(([, grant]) => grant)) };
    },
  };
  const api = {
    async post(path, body) {
      asked.push(path);
      if (path === "/api/roster") {
        const { entries: all, number } = server[path](body);
        return { entries: all.slice(body.after - 2), number };
      }
      return server[path](body);
    },
  };
  const session = {
    api,
    kept: { set: () => undefined },
    now: () => NOW * 1000,
    sealed: { grants: team.grants, roster: first },
  };
  const remove = () => add(REMOVAL, removalPayload(jo.known.staffId));
  return { team, member, jo, holders, session, server, appended, given, asked, remove, first };
}

test("an invitation is read from its link as it was made, and nothing else is", () => {
  const invitation = newInvitation(randomBytes(16), randomBytes(32));
  const link = linkOf(invitation, "https://desk.example/");
  const { hash } = new URL(link);
  assert.deepEqual(readInvitation(hash), invitation);
  assert.deepEqual(invitationKeys(readInvitation(hash)), invitationKeys(invitation));
  for (const other of ["", "#invite=", hash.slice(0, -1), `${hash}A`, hash.replace("invite", "x")]) {
    assert.equal(readInvitation(other), null);
  }
});

test("the words name root, id, name, keys and roles", () => {
  const { known } = person("Jo");
  const root = randomBytes(32);
  const words = newcomerHash(root, known);
  assert.deepEqual(newcomerHash(root, { ...known, name: "private" }), words);
  const others = [
    { staffId: randomBytes(16) },
    { shownName: "Jo " },
    { boxKey: randomBytes(32) },
    { signKey: randomBytes(32) },
    { roles: COUNSELLOR | ADMIN },
  ];
  for (const other of others) {
    assert.notDeepEqual(newcomerHash(root, { ...known, ...other }), words);
  }
  assert.notDeepEqual(newcomerHash(randomBytes(32), known), words);
});

test("a server that adds a key is caught", () => {
  const { member, first } = makeHouse();
  const eve = person("Eve", COUNSELLOR | ADMIN);
  const sign = (roster, who) => {
    try {
      return signEntry(roster, PERSON, personPayload(eve.known), who, eve.keys.sign, NOW);
    } catch (error) {
      assert.ok(error instanceof RosterError);
      return null;
    }
  };
  assert.equal(sign(first, member.staffId), null, "not by a key that is not the admin's");
  assert.equal(sign(first, eve.known.staffId), null, "nor by somebody who is no member");
  const good = signEntry(
    first,
    PERSON,
    personPayload(eve.known),
    member.staffId,
    member.keys.sign,
    NOW,
  );
  for (const at of [70, 100, good.length - 1]) {
    const forged = good.slice();
    forged[at] ^= 1;
    assert.throws(() => readOn(first, [toBase64Url(forged)], 3), RosterError);
  }
});

test("a server that drops the chain's tail is caught", () => {
  const { first, remove } = makeHouse();
  const longer = readOn(first, [toBase64Url(remove())], 3);
  assert.throws(() => readOn(longer, [], 2), RosterError);
  assert.throws(() => readOn(longer, [], 4), RosterError);
  assert.equal(readOn(longer, [], 3), longer);
});

test("a server that swaps an entry already seen is caught by whatever follows", () => {
  const { member, first, remove } = makeHouse();
  const other = person("Eve");
  const founding = founded(first, member);
  const swapped = signEntry(
    founding,
    PERSON,
    personPayload(other.known),
    member.staffId,
    member.keys.sign,
    NOW,
  );
  const branch = extend(founding, swapped);
  const next = signEntry(
    branch,
    REMOVAL,
    removalPayload(other.known.staffId),
    member.staffId,
    member.keys.sign,
    NOW,
  );
  assert.throws(() => readOn(first, [toBase64Url(next)], 3), RosterError);
  assert.ok(readOn(first, [toBase64Url(remove())], 3));
});

/** The roster before its second entry. */
function founded(roster, member) {
  const { hashes } = roster;
  return { ...roster, hashes: hashes.slice(0, 1), people: [roster.people.find(isOf(member))] };
}
const isOf =
  ({ staffId }) =>
  (one) =>
    toBase64Url(one.staffId) === toBase64Url(staffId);

test("own keys that the roster does not name end the work", async () => {
  const { member, session, appended } = makeHouse();
  const state = newTeamState(session, member);
  const swapped = { ...member.roster.people.find(isOf(member)), signKey: randomBytes(32) };
  appended.push(
    signEntry(
      member.roster,
      PERSON,
      personPayload(swapped),
      member.staffId,
      member.keys.sign,
      NOW,
    ),
  );
  await assert.rejects(state.refresh(), RosterError);
});

test("after a removal the next counsellor makes an epoch, with everybody's grant before it", async () => {
  const { member, session, appended, given, asked, remove } = makeHouse();
  const state = newTeamState(session, member);
  appended.push(remove());
  await state.follow();
  const epoch = currentEpoch(member.roster);
  assert.equal(epoch.number, 2);
  assert.equal(member.roster.isEpochDue, false);
  assert.deepEqual([...given.keys()], [`${toBase64Url(member.staffId)} 2`]);
  const seed = openGrant(member.keys.box, [...given.values()][0], 2);
  assert.deepEqual(teamKeys(seed).sign.public, epoch.signKey);
  assert.deepEqual([...member.team.keys()].sort(), [1, 2], "the earlier one opens from it");
  assert.ok(asked.indexOf("/api/team/grant") < asked.indexOf("/api/team/append"));
});

test("of two who begin an epoch at once, the slower takes the quicker one's", async () => {
  const { member, session, server, appended, remove } = makeHouse();
  appended.push(remove());
  const state = newTeamState(session, member);
  server["/api/team/append"] = () => {
    throw new Refusal("refused", {});
  };
  await state.follow();
  assert.equal(currentEpoch(member.roster).number, 1);
});

/** Jo begins epoch 2 and is removed; what Jo gave the others is worth nothing. */
function josEpoch({ member, jo, appended, first }) {
  const keys = teamKeys(randomBytes(32));
  const { box, sign } = keys;
  const earlierSeed = sealEarlierSeed(box.public, 1, randomBytes(32));
  const epoch = { number: 2, boxKey: box.public, signKey: sign.public, earlierSeed };
  const begun = [EPOCH, epochPayload(epoch), jo.known.staffId, jo.keys.sign];
  const removed = [REMOVAL, removalPayload(jo.known.staffId), member.staffId, member.keys.sign];
  for (const [type, payload, signer, own] of [begun, removed]) {
    const roster = appended.reduce(extend, first);
    appended.push(signEntry(roster, type, payload, signer, own, NOW));
  }
}

for (const [what, held] of [
  ["a worthless grant of", 2],
  ["no grant of", 1],
]) {
  test(`after the removal of somebody who began an epoch, who has ${what} it begins the next`, async () => {
    const house = makeHouse();
    const { team, member, session, holders, given } = house;
    const own = toBase64Url(member.staffId);
    const kim = person("Kim");
    const named = [PERSON, personPayload(kim.known), member.staffId, member.keys.sign, NOW];
    house.appended.push(signEntry(house.first, ...named));
    holders.clear();
    holders.set(own, held);
    holders.set(toBase64Url(kim.known.staffId), 1);
    given.set(`${own} 1`, team.grants[0]);
    given.set(`${own} 2`, sealGrant(member.keys.box.public, 2, randomBytes(32)));
    josEpoch(house);
    await newTeamState(session, member).follow();
    const { epochs, isEpochDue } = member.roster;
    assert.equal(isEpochDue, false);
    assert.equal(epochs.length, 3);
    const fromThird = openTeam(member.keys.box, [given.get(`${own} 3`)], member.roster);
    assert.deepEqual([...fromThird.keys()].sort(), [1, 3], "what it keeps is the newest that opens");
    const kims = given.get(`${toBase64Url(kim.known.staffId)} 3`);
    assert.ok(openGrant(kim.keys.box, kims, 3), "who was given any key before is given this one");
  });
}

test("who missed an epoch leaves the next one to those who hold it", async () => {
  const house = makeHouse();
  const { member, session, server, holders, given } = house;
  const kim = person("Kim");
  const named = [PERSON, personPayload(kim.known), member.staffId, member.keys.sign, NOW];
  house.appended.push(signEntry(house.first, ...named));
  holders.clear();
  holders.set(toBase64Url(member.staffId), 1);
  holders.set(toBase64Url(kim.known.staffId), 2);
  josEpoch(house);
  server["/api/team/append"] = () => assert.fail("nothing is begun");
  await newTeamState(session, member).follow();
  assert.equal(member.roster.isEpochDue, true);
  assert.equal(given.size, 0);
});

test("a locked desk begins no epoch and gives no key", async () => {
  const { member, session, appended, given, remove } = makeHouse();
  appended.push(remove());
  const state = newTeamState(session, member);
  const jo = member.roster.people[1];
  forgetMember({ ...member, team: new Map(member.team) });
  await assert.rejects(state.follow());
  assert.throws(() => state.letRead(jo));
  assert.equal(given.size, 0);
});

test("a wrap is made anew for the current epoch, and only of the keys that the keeper names", async () => {
  const { team, member } = makeHouse();
  const seed = randomBytes(32);
  const next = teamKeys(seed);
  const epoch = { number: 2, boxKey: next.box.public, signKey: next.sign.public };
  member.roster = { ...member.roster, epochs: [...member.roster.epochs, epoch] };
  const made = makeConversation(team);
  const sent = [];
  let changed = {};
  const api = {
    async post(path, body) {
      if (path === "/api/nonce") {
        const nonce = toBase64Url(randomBytes(32));
        return { nonce, start_key: toBase64Url(signlessKey()) };
      }
      if (path === "/api/rewrap/open") {
        return { answer: keeperAnswer(made, body, changed) };
      }
      sent.push(body);
      return {};
    },
  };
  assert.equal(await rewrapOne(api, member, made.row), true);
  assert.equal(sent.length, 1);
  assert.equal(sent[0].epoch, 2);
  changed = { cpk: randomBytes(32) };
  assert.equal(await rewrapOne(api, member, made.row), false);
  assert.equal(sent.length, 1);
  assert.equal(await rewrapOne(api, member, { ...made.row, epoch: 7 }), false);
});

const signlessKey = () => staffKeys(randomBytes(32)).box.public;
