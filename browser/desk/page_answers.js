// What a counsellor answers a page that asks to go on with a chat's conversation, and what became of
// it: kept with the open conversation as `talk.page`.

import { equal, toBase64Url } from "../envelope/bytes.js";
import { CannotOpen } from "../envelope/sealing.js";
import { Refusal } from "./api.js";
import { askOpen } from "./keeper.js";
import { OtherPage, refusePage } from "./pages.js";

/**
 * @typedef {object} PageAnswer
 * @property {string} id of the line that asks
 * @property {boolean} isBusy @property {boolean} isWeighing a yes is asked once more
 * @property {string} said a sentence's id; "": nothing yet
 */

/**
 * @param {object} given api, member and rows of the desk
 * @param {(id: string) => object | undefined} given.of the open conversation
 * @param {(id: string) => void} given.changed
 * @param {(id: string) => Promise<void>} given.fetchMore what is new of it
 * @param {(talk: object) => void} given.tellReach it may be answered another way now
 */
export function newPageAnswers({ api, member, rows, of, changed, fetchMore, tellReach }) {
  const own = toBase64Url(member.staffId);

  /** @returns {Promise<string>} what to say about it, by its id */
  async function say(conversation, hash, isYes) {
    try {
      if (!isYes) {
        await refusePage(api, member, conversation.row, hash, conversation.thread.last());
        return "page.refused";
      }
      await conversation.letPageIn(api, hash);
    } catch (error) {
      return whyNot(conversation, hash, error).catch(() => "page.not_done");
    }
    try {
      const row = await rowNow(conversation);
      conversation.learn((await askOpen(api, member, row)).wrap.ways);
    } catch {
      // what is known stays until the next opening
    }
    return "page.done";
  }

  /** Why nothing became of it; what is new is fetched, so that a second look may settle it. */
  async function whyNot(conversation, hash, error) {
    const { key } = conversation;
    if (error instanceof OtherPage || error instanceof CannotOpen) {
      // The keeper knows of a newer page before its line is stored.
      await fetchMore(key);
      const asked = conversation.pageThatAsks();
      return asked && equal(asked.hash, hash) ? "page.other" : "page.gone";
    }
    const code = error instanceof Refusal ? error.code : "";
    if (code === "claim_lost") {
      rows.patch(key, { holder: error.detail.holder ?? null });
      return "page.take_first";
    }
    if (code === "moved_on") {
      await fetchMore(key);
      return "page.moved_on";
    }
    return code === "refused" ? "page.gone" : "page.not_done";
  }

  /** The row as it stands after this desk had it changed. */
  async function rowNow({ key, row }) {
    await rows.look(key);
    return rows.get(key) ?? row;
  }

  return {
    /** Whether this member decides about a page there. @param {string} id */
    isMine: (id) => rows.get(id)?.holder === own,

    /** A yes is thought over before it is said. @param {string} id @param {boolean} isWeighing */
    weigh(id, isWeighing) {
      const talk = of(id);
      const asked = talk.conversation.pageThatAsks();
      if (asked && !talk.page?.isBusy) {
        talk.page = { id: asked.id, isBusy: false, isWeighing, said: "" };
        changed(id);
      }
    },

    /** A counsellor's word. @param {string} id @param {boolean} isYes */
    async answer(id, isYes) {
      const talk = of(id);
      const asked = talk.conversation.pageThatAsks();
      if (!asked || talk.page?.isBusy) {
        return;
      }
      talk.page = { id: asked.id, isBusy: true, isWeighing: isYes, said: "" };
      changed(id);
      const said = await say(talk.conversation, asked.hash, isYes);
      talk.page = { id: asked.id, isBusy: false, isWeighing: false, said };
      if (of(id) === talk) {
        tellReach(talk);
        changed(id);
      }
    },
  };
}
