// All composers of this desk: one for each conversation that was opened, at most one on the
// screen. Keys reach only that one, and only what it hands out can be sent.

import { newComposer } from "./sending.js";

/** @returns a set of composers, none shown */
export function newComposers() {
  /** @type {Map<string, ReturnType<typeof newComposer>>} by conversation id, as text */
  const all = new Map();
  let shown = null;

  const current = () => (shown === null ? null : (all.get(shown) ?? null));

  return {
    current,

    /** @param {string} id @returns {ReturnType<typeof newComposer> | undefined} */
    of: (id) => all.get(id),

    /** @param {object} parts as of newComposer; the conversation has `key`, its id as text */
    open(parts) {
      const composer = newComposer(parts);
      all.set(parts.conversation.key, composer);
      return composer;
    },

    /** @param {string | null} id which one stands on the screen from now on @param {number} now */
    show(id, now) {
      if (shown !== id) {
        current()?.hide(now);
        shown = id;
        current()?.show(now);
      }
    },

    /** Nothing of this conversation stays. @param {string} id */
    drop(id) {
      all.delete(id);
      if (shown === id) {
        shown = null;
      }
    },

    /** Those whose answer is held now, to be shown wherever the person is. */
    held: (now) => [...all.values()].filter((composer) => composer.standing(now) === "held"),

    /** Takes back what is held: of the one on the screen, or else the one that goes first. */
    undo(now) {
      const own = current();
      const first = own?.standing(now) === "held" ? own : this.held(now)[0];
      return first?.undo() ? first : null;
    },

    /** @param {number} now @returns {object[]} what is to be signed and sent now */
    due: (now) => [...all.values()].map((composer) => composer.take(now)).filter(Boolean),

    /** The desk locks: nothing is handed out any more. @returns what is to be kept as drafts */
    close() {
      const kept = [...all.values()]
        .filter((composer) => composer.text())
        .map((composer) => ({ conversation: composer.conversation, text: composer.text() }));
      all.forEach((composer) => composer.undo());
      all.clear();
      shown = null;
      return kept;
    },
  };
}
