// What a messenger brought besides text. The courier writes each as a sign in brackets, alone in a
// message of its own (intake_server/courier/parts.py); here it becomes words.

const SIGNS = {
  "[voice]": "event.voice",
  "[picture]": "event.picture",
  "[file]": "event.file",
  "[unreadable]": "event.unreadable",
  "[new keys]": "event.new_keys",
  // Why the one before was not kept (intake_server/courier/attachments.py).
  "[too large]": "event.too_large",
  "[too many]": "event.too_many",
  "[wrong kind]": "event.wrong_kind",
  "[damaged]": "event.damaged",
  "[gone]": "event.gone",
  "[no room]": "event.no_room",
  "[not encrypted]": "event.not_encrypted",
  "[page off]": "event.page_off",
};
const HOURS = /^\[safe hours (?:off|(\d\d:\d\d)-(\d\d:\d\d))\]$/;
const MOVED = /^\[(joined|left) ([a-z]+)\]$/;
const PAGE_ASKS = /^\[page asks ([a-z]+) [A-Za-z0-9_-]{43}\]$/;
const ALONE = /^(\[[a-z ]+\])( \[[a-z ]+\])*$/;

const word = (id) => ({ id, values: {} });

/**
 * @param {{ours: boolean, verified: boolean, fromCourier: boolean, text: string}} line
 * @returns {{id: string, values: object}[]} words to show in place of the text; none where it is one.
 *   Only the courier's own word counts: what a client types never reaches here as a sign, neither
 *   from the page, whose envelopes the courier does not sign, nor from a chat, where the courier
 *   stores it in round brackets (`typed` in intake_server/courier/parts.py).
 */
export function eventsOf(line) {
  if (line.ours || !line.verified || !line.fromCourier) {
    return [];
  }
  const hours = HOURS.exec(line.text);
  if (hours) {
    const [, begin, end] = hours;
    return [begin ? { id: "event.safe_hours", values: { begin, end } } : word("event.safe_hours_off")];
  }
  const moved = MOVED.exec(line.text);
  if (moved) {
    return [{ id: `event.${moved[1]}`, values: { channel: moved[2] } }];
  }
  const asks = PAGE_ASKS.exec(line.text);
  if (asks) {
    return [{ id: "event.page_asks", values: { channel: asks[1] } }];
  }
  const signs = ALONE.test(line.text) ? line.text.match(/\[[a-z ]+\]/g) : [];
  return signs.every((sign) => sign in SIGNS) ? signs.map((sign) => word(SIGNS[sign])) : [];
}
