// What is being written, sealed to the team and stored at each pause; it comes back with its own
// conversation. For each conversation one thing is stored after the other, so that the last word
// is the last.

const PAUSE_MS = 2_000;

/**
 * @param {object} api @param {(ms: number) => Promise<void>} pause
 * @param {Map<string, string | null>} unsent sealed drafts that no server has yet; they outlive
 *   the keys, and are stored after the next sign-in
 * @param {(id: string) => void} changed told when a draft was stored, or could not be
 */
export function newDrafts(api, pause, unsent, changed) {
  /** What the server has, or is about to have: text by conversation. */
  const asked = new Map();
  /** When it was stored, in milliseconds; null: it could not be. */
  const kept = new Map();
  const tails = new Map();
  const waiting = new Map();
  let isOver = false;

  async function send(id, envelope) {
    try {
      await api.post("/api/draft", { conversation: id, envelope });
      kept.set(id, Date.now());
      unsent.delete(id);
    } catch {
      unsent.set(id, envelope);
      asked.delete(id); // the next pause tries again
      kept.set(id, null);
    }
    if (!isOver) {
      changed(id);
    }
  }

  function store(conversation, text) {
    const id = conversation.key;
    if ((asked.get(id) ?? "") === text && kept.get(id) !== null) {
      return Promise.resolve();
    }
    asked.set(id, text);
    const envelope = text ? conversation.draft(text) : null;
    const after = (tails.get(id) ?? Promise.resolve()).then(() => send(id, envelope));
    tails.set(id, after);
    return after;
  }

  return {
    /** Stores what an earlier sign-in of the same person could not. */
    resend: () => Promise.all([...unsent].map(([id, envelope]) => send(id, envelope))),

    /** What came back with the conversation. */
    know: (id, text) => asked.set(id, text),

    /** @returns {number | null | undefined} when it was stored, ms; null: it could not be */
    keptAt: (id) => (asked.get(id) || kept.get(id) === null ? kept.get(id) : undefined),

    /** Stores it once nothing was typed for a while. @param {() => string} text */
    async soon(conversation, text) {
      const mine = {};
      waiting.set(conversation.key, mine);
      await pause(PAUSE_MS);
      if (waiting.get(conversation.key) === mine && !isOver) {
        waiting.delete(conversation.key);
        await store(conversation, text());
      }
    },

    /** Stores it at once; sealed before this returns. */
    now: store,

    forget(id) {
      waiting.delete(id);
      asked.delete(id);
      kept.delete(id);
    },

    end() {
      isOver = true;
      waiting.clear();
      asked.clear();
    },
  };
}
