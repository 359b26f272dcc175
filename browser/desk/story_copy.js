// What a backup made at this moment holds of one conversation, kept in this page's memory and tried
// with all this member has. After the erasure the keeper has no key for it, nor has any backup.

import { fromBase64Url, u32 } from "../envelope/bytes.js";
import { openTeamWrap } from "../envelope/wraps.js";
import { Refusal } from "./api.js";
import { freshNonce, prove, readOpened } from "./keeper.js";
import { newThread } from "./thread.js";

const OPEN_TEAM_WRAP = 0x45;

/**
 * @param {object} api @param {import("./sign_in.js").Member} member
 * @param {string} conversation base64url
 */
export async function takeCopy(api, member, conversation) {
  const copy = await api.post("/api/story/copy", { conversation });
  return {
    size: copy.messages.length,

    /**
     * @returns {Promise<string[] | null>} the messages in the copy; null where it does not open
     * @throws {Refusal | import("./api.js").NoAnswer} where it is not known
     */
    async open() {
      const { nonce } = await freshNonce(api);
      const signed = [fromBase64Url(copy.reference), member.staffId, u32(copy.epoch)];
      const proof = prove(member.keys.sign, nonce, OPEN_TEAM_WRAP, signed);
      const { reference, epoch, outer } = copy;
      try {
        const { answer } = await api.post("/api/story/open", { reference, epoch, outer, ...proof.fields });
        const wrap = readOpened(proof, answer);
        const team = member.team.get(epoch);
        const inner = openTeamWrap(team.box, wrap.inner, wrap.conversationId, epoch);
        const keys = { id: wrap.conversationId, ...inner };
        const thread = newThread(keys, () => member.roster);
        thread.take(copy.messages);
        return thread.lines.map((line) => line.text).filter(Boolean);
      } catch (error) {
        if (error instanceof Refusal && error.code === "gone") {
          return null;
        }
        throw error;
      }
    },
  };
}
