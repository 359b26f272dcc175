// The team as it is now: the roster is read on while the desk is open, a new epoch is made when one
// is due, and colleagues get its key. The roster only ever grows: a server that drops its tail,
// adds a key or swaps one is caught here, because every entry is verified after those known.

import { equal, fromBase64Url, randomBytes, toBase64Url } from "../envelope/bytes.js";
import { CannotOpen } from "../envelope/sealing.js";
import { sealEarlierSeed, sealGrant, teamKeys } from "../envelope/wraps.js";
import {
  COUNSELLOR,
  currentEpoch,
  EPOCH,
  epochPayload,
  extend,
  headOf,
  PERSON,
  personPayload,
  REMOVAL,
  removalPayload,
  RosterError,
  signEntry,
} from "../roster/roster.js";
import { Refusal } from "./api.js";
import { invitationKeys, newInvitation } from "./invitation.js";
import { renewMember } from "./sign_in.js";
import {
  askAppend,
  askGrant,
  askInvite,
  askOwnGrants,
  askTeam,
  askWithdraw,
} from "./team_keeper.js";

/** The roster's name of the member whose keys lie on paper; everybody else's is empty. */
export const RECOVERY_NAME = "recovery";

/** @param {number} roles @returns {boolean} */
export const counsels = (roles) => Boolean(roles & COUNSELLOR);

/**
 * The roster after what the server says came since.
 * @param {import("../roster/roster.js").Roster} roster verified @param {string[]} entries base64url
 * @param {number} number how many there are in all, as the server says
 * @returns {import("../roster/roster.js").Roster} @throws {RosterError}
 */
export function readOn(roster, entries, number) {
  const read = entries.map(fromBase64Url).reduce(extend, roster);
  if (read.hashes.length !== number) {
    throw new RosterError("the roster is shorter than the one that was seen");
  }
  return read;
}

/**
 * @param {object} session api, kept, sealed, now (milliseconds)
 * @param {import("./sign_in.js").Member} member
 * @param {() => void} onChange the roster or this member's keys are others now
 */
export function newTeamState(session, member, onChange = () => undefined) {
  const { api, kept, now } = session;
  let isEnded = false;

  const seconds = () => Math.floor(now() / 1000);
  const headEpoch = () => currentEpoch(member.roster).number;
  const headKeys = () => member.team.get(headEpoch());
  const newestOpen = () => Math.max(0, ...member.team.keys());

  /** Reads the roster on, and fetches one's grants where a newer epoch began. */
  async function refresh() {
    const after = member.roster.hashes.length;
    const { entries, number } = await api.post("/api/roster", { after });
    const roster = readOn(member.roster, entries, number);
    if (isEnded) {
      return;
    }
    const isNew = roster.hashes.length !== after;
    let { grants } = session.sealed;
    renewMember(member, roster, grants);
    if (counsels(member.roles) && !headKeys()) {
      grants = await askOwnGrants(api, member);
      renewMember(member, roster, grants);
    }
    if (isEnded) {
      return;
    }
    session.sealed = { ...session.sealed, grants, roster };
    kept.set("head", toBase64Url(headOf(roster)));
    if (isNew) {
      onChange();
    }
  }

  /** Signs the next entry and hands it over; afterwards the roster is read on. */
  async function append(type, payload) {
    const { staffId, keys } = member;
    const entry = signEntry(member.roster, type, payload, staffId, keys.sign, seconds());
    await askAppend(api, member, entry);
    await refresh();
  }

  const grant = (person, epoch, seed) =>
    askGrant(api, member, person.staffId, epoch, sealGrant(person.boxKey, epoch, seed));

  /** An epoch's seed, if it still is one: keys are overwritten when the desk is locked. */
  function seedOf(number) {
    const seed = member.team.get(number)?.seed;
    const epoch = member.roster.epochs[number - 1];
    if (!seed || !equal(teamKeys(seed).box.public, epoch.boxKey)) {
      throw new CannotOpen();
    }
    return seed;
  }

  /** Gives the current team key to somebody on the roster. */
  const letRead = (person) => grant(person, headEpoch(), seedOf(headEpoch()));

  const counsellors = () => member.roster.people.filter((person) => counsels(person.roles));
  const isOwn = (person) => equal(person.staffId, member.staffId);

  /** Which of the team keys each counsellor has been given, and the newest that anybody has. */
  async function givenKeys() {
    const { holders } = await askTeam(api, member);
    const given = (person) => holders.get(toBase64Url(person.staffId)) ?? 0;
    return { given, newest: Math.max(0, ...counsellors().map(given)) };
  }

  /** Everybody's grants first, then the entry: from then on all hold the key, or nobody. */
  async function makeEpoch() {
    const last = newestOpen();
    const number = headEpoch() + 1;
    const seed = randomBytes(32);
    const keys = teamKeys(seed);
    const earlierSeed = sealEarlierSeed(keys.box.public, last, seedOf(last));
    const { given } = await givenKeys();
    const holding = counsellors().filter((one) => isOwn(one) || given(one) > 0);
    for (const person of holding) {
      await grant(person, number, seed);
    }
    const epoch = { number, boxKey: keys.box.public, signKey: keys.sign.public, earlierSeed };
    await append(EPOCH, epochPayload(epoch));
  }

  /**
   * Whether this member begins the epoch that is due. Who does not open the current one leaves it
   * to those who do, but where nobody was given it, or their own grant of it is worth nothing: so
   * it is after the removal of somebody who began an epoch for themself alone.
   */
  async function isOursToBegin() {
    if (headKeys()) {
      return true;
    }
    if (!newestOpen()) {
      return false;
    }
    const { given, newest } = await givenKeys();
    return newest < headEpoch() || given(member) === headEpoch();
  }

  /** Gives the current key to who held an earlier one, with the same keys, and missed it. */
  async function catchUp() {
    const head = headEpoch();
    const { given } = await givenKeys();
    for (const person of counsellors()) {
      const held = given(person);
      if (held > 0 && held < head && !isOwn(person)) {
        await letRead(person);
      }
    }
  }

  async function makeEpochIfDue() {
    if (!member.roster.isEpochDue || !(await isOursToBegin())) {
      return;
    }
    try {
      await makeEpoch();
    } catch (error) {
      if (!(error instanceof Refusal && error.code === "refused")) {
        throw error;
      }
      await refresh(); // a colleague was quicker
    }
  }

  async function followOnce() {
    await refresh();
    if (!isEnded && counsels(member.roles)) {
      await makeEpochIfDue();
    }
    if (!isEnded && headEpoch() > 1 && headKeys()) {
      await catchUp();
    }
  }

  /** One run after the other. */
  let running = Promise.resolve();

  return {
    refresh,
    headKeys,

    /** What follows from a change of the team, as far as this member can do it. */
    follow() {
      running = running.catch(() => undefined).then(followOnce);
      return running;
    },

    /** @returns {Promise<{newcomers: object[], holders: Map<string, number>}>} */
    look: () => askTeam(api, member),

    /**
     * @param {number} roles @param {Uint8Array} [staffId] of a member who cannot sign in any more
     * @returns {Promise<{invitation: object, until: number}>}
     */
    async invite(roles, staffId = randomBytes(16)) {
      const invitation = newInvitation(staffId, member.roster.fingerprint);
      const key = invitationKeys(invitation).public;
      return { invitation, until: await askInvite(api, member, { staffId, roles, key }) };
    },

    /** @param {Uint8Array} staffId */
    withdraw: (staffId) => askWithdraw(api, member, staffId),

    /** Names somebody, or gives a member other roles or keys. @param {object} person */
    name: (person) => append(PERSON, personPayload({ name: "", ...person })),

    letRead,

    /** @param {Uint8Array} staffId */
    remove: (staffId) => append(REMOVAL, removalPayload(staffId)),

    end() {
      isEnded = true;
    },
  };
}
