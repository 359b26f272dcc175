// The list of words as a file of its own: fetched only once somebody needs words.
export { WORDS } from "../phrase/words.js";
