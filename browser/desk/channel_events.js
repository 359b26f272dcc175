// What a messenger brought besides text. The courier writes each as a sign in brackets, alone in a
// message of its own (intake_server/courier/parts.py); here it becomes words.

const SIGNS = {
  "[voice]": "event.voice",
  "[picture]": "event.picture",
  "[file]": "event.file",
  "[unreadable]": "event.unreadable",
  "[new keys]": "event.new_keys",
};
const ALONE = /^(\[[a-z ]+\])( \[[a-z ]+\])*$/;

/**
 * @param {{ours: boolean, verified: boolean, fromCourier: boolean, text: string}} line
 * @returns {string[]} names of the words to show in place of the text; none where it is a text.
 *   Only the courier's own word counts: a client who types a sign has typed a text.
 */
export function eventsOf(line) {
  if (line.ours || !line.verified || !line.fromCourier || !ALONE.test(line.text)) {
    return [];
  }
  const signs = line.text.match(/\[[a-z ]+\]/g);
  return signs.every((sign) => sign in SIGNS) ? signs.map((sign) => SIGNS[sign]) : [];
}
