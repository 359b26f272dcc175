// One calm sentence for each way in which something can fail.

import { CannotOpen } from "../envelope/sealing.js";
import { RosterError } from "../roster/roster.js";
import { NoAnswer, Refusal } from "./api.js";
import { DoesNotBelong, NotGranted } from "./conversation.js";

/** The server's or the keeper's own troubles; nobody here did anything wrong. */
const AWAY = ["unavailable", "busy", "malformed"];

/**
 * Signing in: whatever was wrong with name, password or number is one sentence.
 * @param {unknown} error @param {Function} t @returns {string}
 */
export function signInTrouble(error, t) {
  if (error instanceof RosterError) {
    return t("verify.roster_stop");
  }
  if (error instanceof NoAnswer) {
    return t("signin.no_connection");
  }
  if (error instanceof Refusal && error.code === "forbidden") {
    return t("trouble.not_allowed");
  }
  if (error instanceof Refusal || error instanceof CannotOpen) {
    return t(AWAY.includes(error.code) ? "signin.keeper_away" : "signin.wrong");
  }
  throw error;
}

/**
 * Opening a conversation.
 * @param {unknown} error @param {Function} t @param {{team: Map<number, object>}} member
 * @returns {string}
 */
export function openingTrouble(error, t, member) {
  if (error instanceof NotGranted) {
    return t(member.team.size ? "talk.not_granted" : "signin.no_grant");
  }
  if (error instanceof DoesNotBelong || error instanceof CannotOpen) {
    return t("mark.does_not_belong");
  }
  if (error instanceof Refusal && error.code === "busy") {
    return t("trouble.budget", { time: t.clock(error.detail.at * 1000) });
  }
  if (error instanceof Refusal) {
    const words = {
      gone: "talk.forgotten",
      forbidden: "trouble.not_allowed",
      refused: "trouble.not_allowed",
    };
    return t(words[error.code] ?? "trouble.keeper_away");
  }
  return doingTrouble(error, t);
}

/**
 * Something about the team.
 * @param {unknown} error @param {Function} t @returns {string}
 */
export function teamTrouble(error, t) {
  if (error instanceof RosterError) {
    return t("team.not_possible");
  }
  if (error instanceof CannotOpen) {
    return t("team.no_key_here");
  }
  if (error instanceof Refusal && ["refused", "forbidden"].includes(error.code)) {
    return t("team.refused");
  }
  return doingTrouble(error, t);
}

/** Anything else that was not done. @param {unknown} error @param {Function} t @returns {string} */
export function doingTrouble(error, t) {
  if (error instanceof Refusal) {
    return t(error.code === "busy" ? "trouble.budget_plain" : "trouble.not_done");
  }
  if (error instanceof NoAnswer) {
    return t("trouble.not_done");
  }
  throw error;
}
