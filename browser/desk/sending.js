// From typing an answer to handing it over for signing: the composer as a state machine, without a
// screen. Rules:
//
// 1.  A composer belongs to one conversation from the moment it is made, and gives what it hands
//     out only together with it. It is never moved to another.
// 2.  Pressing "Send" starts a hold of five seconds. Only its end hands the text out, once; undoing
//     it, locking or losing the conversation puts the text back. Nothing is signed before.
// 3.  For 700 ms after it was shown, pressing does nothing: the reflex after a switch is dead.
// 4.  A newer message of the client, a lost claim, and the check of the mark stand in the way of
//     pressing, each until it is answered.
// 5.  Nothing can be written that would reach nobody: that is said before, not after sending.
// 6.  While the answer is held or on its way its text cannot change.
//
// Times are milliseconds and handed in.

import { isEmpty } from "./text.js";

export const SETTLE_MS = 700;
export const HOLD_MS = 5_000;
export const AWAY_MS = 10 * 60_000;

/** @typedef {"similar" | "return" | "pasted"} Check why the word of the mark is asked for */
/**
 * @typedef {"not_held" | "lost" | "no_way" | "sending" | "held" | "moved_on" | "check" | "settling" | "idle" |
 *   "ready"} Standing
 */

/**
 * @param {object} parts
 * @param {object} parts.conversation whose answer this is
 * @param {(typed: string) => boolean} parts.isWord whether it is the word of its mark
 * @param {() => boolean} parts.isSimilar whether somebody similar is open now
 */
export function newComposer({ conversation, isWord, isSimilar }) {
  let text = "";
  let shownAt = null;
  let hiddenAt = null;
  let isAway = false;
  let holder = "nobody";
  /** @type {(now: number) => boolean} whether what is sent would reach the client */
  let isReached = () => true;
  let other = null;
  let newer = null;
  let anyway = false;
  /** @type {Check | null} */
  let asked = null;
  let isChecked = false;
  let isPasted = false;
  let holdEnds = null;
  let isSending = false;
  let problem = null;

  const isHeld = () => holdEnds !== null;
  const isBusy = () => isHeld() || isSending;
  const isOwn = () => holder === "own";

  /** @returns {Check | null} what asks for the word of the mark, if anything does */
  function reasonToCheck() {
    if (isChecked) {
      return null;
    }
    return (isPasted && "pasted") || (isAway && "return") || (isSimilar() && "similar") || null;
  }

  /** @param {number} now @returns {Standing} */
  function standing(now) {
    if (isSending) {
      return "sending";
    }
    if (isHeld()) {
      return "held";
    }
    if (!isOwn()) {
      return other && !isEmpty(text) ? "lost" : "not_held";
    }
    if (!isReached(now)) {
      return "no_way";
    }
    if (isEmpty(text)) {
      return "idle";
    }
    if (newer && !anyway) {
      return "moved_on";
    }
    if (asked) {
      return "check";
    }
    return shownAt === null || now - shownAt < SETTLE_MS ? "settling" : "ready";
  }

  function release() {
    const wasHeld = isHeld();
    holdEnds = null;
    return wasHeld;
  }

  function settle() {
    isChecked = false;
    isPasted = false;
    isAway = false;
    asked = null;
    newer = null;
    anyway = false;
  }

  return {
    conversation,
    standing,
    text: () => text,
    newer: () => newer,
    other: () => other,
    asked: () => asked,
    problem: () => problem,
    isAnyway: () => anyway,
    isBusy,

    /** @param {number} now @returns {number} whole seconds until a held answer goes */
    secondsLeft: (now) => (isHeld() ? Math.max(0, Math.ceil((holdEnds - now) / 1000)) : 0),

    /** Its conversation is on the screen. @param {number} now */
    show(now) {
      isAway ||= hiddenAt !== null && now - hiddenAt >= AWAY_MS && !isEmpty(text);
      shownAt = now;
      hiddenAt = null;
    },

    /** Its conversation left the screen. @param {number} now */
    hide(now) {
      if (shownAt !== null) {
        hiddenAt = now;
      }
      shownAt = null;
      asked = null;
    },

    /** @param {string} typed all that stands in the field now @returns {boolean} taken */
    type(typed) {
      if (isBusy() || shownAt === null) {
        return false;
      }
      text = typed;
      problem = null;
      if (isEmpty(text)) {
        settle();
      }
      return true;
    },

    /** A draft that was kept comes back; never over what was typed since. @param {string} kept */
    restore(kept) {
      if (isEmpty(text) && !isBusy()) {
        text = kept;
      }
    },

    /** Part of the text stands in another conversation too. */
    pasted() {
      isPasted = true;
      isChecked = false;
    },

    /** @param {object} line the client's newer message: name and time */
    clientWrote(line) {
      if (!isEmpty(text) && !isSending) {
        release();
        newer = line;
        anyway = false;
      }
    },

    /** The newer message was read. */
    read() {
      newer = null;
      anyway = false;
    },

    /** @param {(now: number) => boolean} is asked at every look, with milliseconds */
    reachedWhile(is) {
      isReached = is;
    },

    /** @param {"own" | "nobody" | {name: string, timeMs: number}} who holds it */
    heldBy(who) {
      holder = typeof who === "object" ? "other" : who;
      other = typeof who === "object" ? who : null;
      if (!isOwn()) {
        release();
      }
    },

    /**
     * "Send", by button or key; a second time while held: at once.
     * @param {number} now
     * @param {string} shownFor the conversation id that the pressed element holds
     * @param {boolean} [sendAnyway] although the client wrote again
     */
    press(now, shownFor, sendAnyway = false) {
      if (shownAt === null || shownFor !== conversation.key) {
        return;
      }
      anyway ||= sendAnyway && newer !== null;
      const at = standing(now);
      if (at === "held") {
        holdEnds = now;
        return;
      }
      if (at !== "ready") {
        return;
      }
      asked = reasonToCheck();
      if (!asked) {
        problem = null;
        holdEnds = now + HOLD_MS;
      }
    },

    /**
     * @param {string} typed @param {number} now @param {string} shownFor
     * @returns {boolean} whether it was the word of the mark; the answer is held then
     */
    answerCheck(typed, now, shownFor) {
      if (shownAt === null || !asked || !isWord(typed)) {
        return false;
      }
      asked = null;
      isChecked = true;
      this.press(now, shownFor);
      return true;
    },

    /** @returns {boolean} whether there was something to undo; the text is in the field again */
    undo: release,

    /**
     * The text to sign and send, once, when its hold is over.
     * @param {number} now
     * @returns {{conversation: object, text: string, anyway: boolean} | null}
     */
    take(now) {
      if (!isHeld() || now < holdEnds) {
        return null;
      }
      holdEnds = null;
      isSending = true;
      return { conversation, text, anyway };
    },

    /** What was taken is stored. */
    sent() {
      isSending = false;
      text = "";
      settle();
    },

    /** What was taken was not stored, or nobody knows: the text stays. @param {string} why code */
    notSent(why) {
      isSending = false;
      problem = why;
    },
  };
}
