// After a new epoch each conversation's keys are wrapped for the new team key: in the background,
// one after the other. It can stop anywhere: the rest is found again, here or at another desk.

import { equal, fromBase64Url } from "../envelope/bytes.js";
import { CannotOpen } from "../envelope/sealing.js";
import { openTeamWrap, sealTeamWrap } from "../envelope/wraps.js";
import { currentEpoch } from "../roster/roster.js";
import { NoAnswer, Refusal } from "./api.js";
import { askOldWrap, askRewrap } from "./team_keeper.js";

const AGAIN_MS = 5_000;
const LONGEST_WAIT_MS = 120_000;

/**
 * One conversation; believed only where its keys are those that the keeper names.
 * @param {object} api @param {import("./sign_in.js").Member} member
 * @param {{conversation: string, reference: string, epoch: number}} row
 * @returns {Promise<boolean>} whether it is done
 */
export async function rewrapOne(api, member, row) {
  const keys = member.team.get(row.epoch);
  const epoch = currentEpoch(member.roster);
  if (!keys) {
    return false;
  }
  try {
    const wrap = await askOldWrap(api, member, row);
    const id = fromBase64Url(row.conversation);
    const inner = openTeamWrap(keys.box, wrap.inner, id, row.epoch);
    const isSame =
      equal(wrap.conversationId, id) &&
      equal(inner.messages.public, wrap.cpk) &&
      equal(inner.notes.public, wrap.npk);
    if (!isSame) {
      return false;
    }
    const renewed = sealTeamWrap(epoch.boxKey, { ...inner, epoch: epoch.number });
    inner.messages.secret.fill(0);
    inner.notes.secret.fill(0);
    await askRewrap(api, member, row, epoch.number, renewed);
    return true;
  } catch (error) {
    if (error instanceof CannotOpen || (error instanceof Refusal && error.code !== "busy")) {
      return false; // gone meanwhile, or of no use: it stays as it is
    }
    throw error;
  }
}

/**
 * @param {object} session api, pause @param {import("./sign_in.js").Member} member
 * @param {object} told
 * @param {(left: number) => void} told.progress how many are still to be done; 0: none
 * @param {(id: string, epoch: number) => void} told.done one of them
 */
export function newRewrapping({ api, pause }, member, told) {
  let isEnded = false;
  let isRunning = false;

  async function pass() {
    for (let after = ""; ; ) {
      const { rows, left } = await api.post("/api/rewrap/behind", { after });
      told.progress(left);
      if (isEnded || rows.length === 0) {
        return;
      }
      let still = left;
      for (const row of rows) {
        const isDone = await rewrapOne(api, member, row);
        if (isEnded) {
          return;
        }
        if (isDone) {
          still -= 1;
          told.done(row.conversation, currentEpoch(member.roster).number);
          told.progress(still);
        }
      }
      after = rows[rows.length - 1].conversation;
    }
  }

  return {
    /** Begins, unless it is under way; ends when nothing is left that this member can open. */
    async run() {
      if (isRunning) {
        return;
      }
      isRunning = true;
      let wait = AGAIN_MS;
      while (!isEnded) {
        try {
          await pass();
          break;
        } catch (error) {
          if (!(error instanceof NoAnswer || error instanceof Refusal)) {
            throw error;
          }
          await pause(wait); // the server or its patience is away: later it goes on
          wait = Math.min(2 * wait, LONGEST_WAIT_MS);
        }
      }
      isRunning = false;
      if (!isEnded) {
        told.progress(0);
      }
    },
    end() {
      isEnded = true;
    },
  };
}
