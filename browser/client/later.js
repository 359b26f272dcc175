// What is not needed before the first message can be sent: fetched when somebody comes back, or
// while the first message is on its way. Its words are a file of their own in each language.
import { watchAsking } from "./asking.js";
import { watchComingBack } from "./coming_back.js";
import { watchTalking } from "./talking.js";
import { laterWords } from "./turning.js";

export { turn } from "./turning.js";

/** @param {object} page @returns {Promise<object>} comingBack, talking and asking */
export async function watchLater(page) {
  if (!("c36.erasing" in page.strings)) {
    Object.assign(page.strings, await laterWords(page.language));
  } // otherwise they came with a change of language
  for (const place of document.querySelectorAll("[data-t]")) {
    place.textContent = page.t(place.dataset.t);
  }
  return {
    comingBack: watchComingBack(page),
    talking: watchTalking(page),
    asking: watchAsking(page),
  };
}
