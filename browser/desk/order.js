// Who is answered next, and why. Twin of triage/queue.py; the rules and the reasons for them stand
// there. Times are seconds since 1970; `now` is handed in.

const MINUTE = 60;
const HOUR = 3600;

/** From when on somebody of this urgency is late, in seconds of waiting. */
export const LATE_AFTER = [24 * HOUR, 4 * HOUR, 30 * MINUTE, 5 * MINUTE];
/** Who waited so long counts as more urgent, never as in danger. */
export const LIFTS = [
  [
    { after: 24 * HOUR, to: 1 },
    { after: 72 * HOUR, to: 2 },
  ],
  [{ after: 6 * HOUR, to: 2 }],
  [],
  [],
];
const LAST_DAY = 24 * HOUR;
/** The rank of tags; a row shows the first of those that apply. */
export const TAGS = ["late", "last_day", "held", "new", "similar", "not_screened"];

/**
 * @typedef {object} Row what the desk knows of a conversation in clear, as /api/queue gives it
 * @property {string} conversation id, base64url
 * @property {string} reference slot and tag at the keeper, base64url
 * @property {number} urgency 0 to 3
 * @property {"screened" | "not_screened" | "danger" | "hand"} urgency_by
 * @property {"waiting" | "claimed" | "resting"} state
 * @property {string | null} holder staff id, base64url
 * @property {number | null} waiting_since of the oldest message without an answer; null: none
 * @property {number} created @property {number} due
 * @property {string} channel @property {string} language @property {number} epoch
 */

/**
 * @typedef {object} Standing one place in the queue
 * @property {Row} row
 * @property {number} effective the urgency, or more by a lift
 * @property {number} levelSince since when it stands at that level
 * @property {number} waited seconds, from 0
 * @property {string[]} tags that apply, in order of rank, as far as the row alone tells
 */

/** @param {Row} row @param {number} now @returns {Standing} */
export function standing(row, now) {
  const since = row.waiting_since ?? now;
  let effective = row.urgency;
  let levelSince = since;
  for (const lift of LIFTS[row.urgency]) {
    if (now >= since + lift.after) {
      effective = lift.to;
      levelSince = since + lift.after;
    }
  }
  const waits = row.waiting_since !== null;
  const tags = [
    waits && now >= since + LATE_AFTER[row.urgency] && "late",
    waits && row.due - now <= LAST_DAY && "last_day",
    row.urgency_by === "not_screened" && "not_screened",
  ].filter(Boolean);
  return { row, effective, levelSince, waited: Math.max(0, now - since), tags };
}

/** @param {Iterable<Row>} rows @param {number} now @returns {Standing[]} the next one first */
export function order(rows, now) {
  const places = Array.from(rows, (row) => standing(row, now));
  const keys = (place) => [-place.effective, place.levelSince, place.row.waiting_since ?? now];
  return places.sort((a, b) => {
    const [left, right] = [keys(a), keys(b)];
    const differs = left.findIndex((value, i) => value !== right[i]);
    return differs >= 0 ? left[differs] - right[differs] : compareIds(a.row, b.row);
  });
}

/** As the bytes of the ids compare, which is not as their base64url does. */
function compareIds(a, b) {
  const [left, right] = [atob(standard(a.conversation)), atob(standard(b.conversation))];
  return left < right ? -1 : Number(left > right);
}

const standard = (id) => id.replace(/-/g, "+").replace(/_/g, "/");

/**
 * One's own conversations: who waits for an answer first, then what is forgotten soonest.
 * @param {Iterable<Row>} rows @param {number} now @returns {Standing[]}
 */
export function orderMine(rows, now) {
  const all = [...rows];
  const waiting = order(
    all.filter((row) => row.waiting_since !== null),
    now,
  );
  const others = all
    .filter((row) => row.waiting_since === null)
    .sort((a, b) => a.due - b.due || compareIds(a, b));
  return [...waiting, ...others.map((row) => standing(row, now))];
}

/**
 * The longest wait for each urgency that somebody waits with, most urgent first.
 * @param {Iterable<Row>} rows @param {number} now
 * @returns {{urgency: number, waited: number}[]} seconds
 */
export function oldestWaits(rows, now) {
  const longest = [];
  for (const row of rows) {
    if (row.waiting_since !== null) {
      const waited = Math.max(0, now - row.waiting_since);
      longest[row.urgency] = Math.max(longest[row.urgency] ?? 0, waited);
    }
  }
  return longest
    .map((waited, urgency) => ({ urgency, waited }))
    .filter(Boolean)
    .reverse();
}

/**
 * A waiting time in the largest unit that is not nothing, rounded down.
 * @param {number} seconds @returns {{unit: "minutes" | "hours" | "days", count: number}}
 */
export function roundedWait(seconds) {
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes < 60) {
    return { unit: "minutes", count: minutes };
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? { unit: "hours", count: hours }
    : { unit: "days", count: Math.floor(hours / 24) };
}
