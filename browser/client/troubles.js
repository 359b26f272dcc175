// One calm sentence for each way in which sending can fail.

import { CannotOpen } from "../envelope/sealing.js";
import { NoAnswer, Refusal } from "./api.js";
import { Unproven } from "./trust.js";

/**
 * @param {unknown} error
 * @param {object} page its `t`, `dates`, `emergency` number and ten `minutes` in words
 * @returns {string} what to say; the text stays where it is
 */
export function sentenceFor(error, { t, dates, emergency, minutes }) {
  if (error instanceof NoAnswer) {
    return t("c44.no_connection");
  }
  if (error instanceof Unproven) {
    return t("s05.page_unproven");
  }
  if (error instanceof CannotOpen) {
    return t("c28.opens_nothing");
  }
  if (error instanceof Refusal) {
    const { code, detail } = error;
    if (code === "refused") {
      return t("c28.opens_nothing");
    }
    if (code === "closed") {
      return t("c49.closed_text");
    }
    if (code === "too_many") {
      return t("c46.too_many", { count: detail.count ?? 30, time: dates.time(detail.at) });
    }
    return t("c45.cannot_take", { period: minutes, number: emergency });
  }
  throw error;
}
