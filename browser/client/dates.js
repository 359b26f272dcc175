// Dates and times as this reader's language writes them, in this device's time zone; digits are 0
// to 9 and the calendar is the common one in every language, as on the pages that run no code.

/** "5 December" in English; Serbian in the letters of its texts. */
const LOCALES = { en: "en-GB", sr: "sr-Latn" };

/**
 * @param {string} language @param {(id: string, values?: object) => string} t
 * @param {() => number} now milliseconds
 */
export function newDates(language, t, now = Date.now) {
  const locale = `${LOCALES[language] ?? language}-u-ca-gregory-nu-latn`;
  const format = (options, date) => new Intl.DateTimeFormat(locale, options).format(date);
  const day = (date) => format({ day: "numeric", month: "long" }, date);
  const time = (date) => format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, date);
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
    /** @param {number} minutes @returns {string} "10 minutes" */
    minutes: (minutes) =>
      new Intl.NumberFormat(locale, { style: "unit", unit: "minute", unitDisplay: "long" }).format(
        minutes,
      ),
  };
}

/** @param {number} seconds @returns {string} the local day, as a date field has it */
export function toField(seconds) {
  const date = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, "0");
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
