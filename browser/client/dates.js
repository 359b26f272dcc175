// Dates and times in words, in this device's time zone. The words for days come with the page:
// browsers know fewer languages than it. Digits are 0 to 9 and hours 0 to 23 in every language.

const two = (n) => String(n).padStart(2, "0");

/**
 * @param {string[]} days by month, with {day} for the number
 * @param {(id: string, values?: object) => string} t
 * @param {() => number} now milliseconds
 */
export function newDates(days, t, now = Date.now) {
  const day = (date) => days[date.getMonth()].replace("{day}", date.getDate());
  const time = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;
  const isToday = (date) => new Date(now()).toDateString() === date.toDateString();

  return {
    /** @param {number} seconds @returns {string} "5 December" */
    day: (seconds) => day(new Date(seconds * 1000)),
    /** @param {number} seconds @returns {string} "14:20" */
    time: (seconds) => time(new Date(seconds * 1000)),
    /** @param {number} ms @returns {string} "today 14:20" or "5 December 14:20" */
    moment(ms) {
      const date = new Date(ms);
      return isToday(date)
        ? t("c30.day_today", { time: time(date) })
        : t("c30.day_earlier", { date: day(date), time: time(date) });
    },
  };
}

/** @param {number} seconds @returns {string} the local day, as a date field has it */
export function toField(seconds) {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/**
 * The last whole hour of a chosen day, never past `latest` and never before `soonest`. Whole,
 * because what is stored is rounded up to the hour, and must still be that day.
 * @param {string} field "2026-12-05" @param {number} soonest @param {number} latest seconds
 * @returns {number | null} null: no day, or one outside
 */
export function fromField(field, soonest, latest) {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(field);
  if (!parts || field < toField(soonest) || field > toField(latest)) {
    return null;
  }
  const [year, month, day] = parts.slice(1).map(Number);
  const end = Math.floor(new Date(year, month - 1, day, 23).getTime() / 1000);
  return Math.max(soonest, Math.min(end, latest));
}
