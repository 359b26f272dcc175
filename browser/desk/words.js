// The words on the screen, from the page's configuration; gaps are filled with text or elements.

/** A sentence, perhaps the words it names, perhaps that one is a guess, which is told beside it. */
const EXPLAINED = /^(.*?)( “.*”)?(?: Spelling guess\.)?$/su;

/** @param {Record<string, string>} strings @param {string} language */
export function newWords(strings, language) {
  /** @param {string} id @param {Record<string, string | number>} [values] @returns {string} */
  const t = (id, values = {}) =>
    strings[id].replace(/\{(\w+)\}/g, (whole, name) =>
      name in values ? String(values[name]) : whole,
    );

  /**
   * The same with elements in the gaps.
   * @param {string} id @param {Record<string, Node | string>} values @returns {(Node | string)[]}
   */
  t.parts = (id, values) =>
    strings[id]
      .split(/\{(\w+)\}/)
      .map((part, i) => (i % 2 ? (values[part] ?? "") : part))
      .filter(Boolean);

  const format = (options) => new Intl.DateTimeFormat(language, options);
  const short = format({ day: "numeric", month: "short" });
  // Where a short month has a dot of its own, a sentence that ends with it would have two.
  const months = Array.from({ length: 12 }, (_, month) => short.format(new Date(2026, month, 5)));
  const isDotted = months.some((one) => one.endsWith("."));
  const day = isDotted ? format({ day: "numeric", month: "long" }) : short;
  const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  /** @param {number} ms @returns {string} "5 Dec", or "5. Dezember" */
  t.day = (ms) => day.format(new Date(ms));
  /** @param {number} ms @returns {string} "14:20" */
  t.clock = (ms) => clock.format(new Date(ms));
  /** @param {number} ms @param {number} now ms @returns {string} "14:20" or "5 Dec 14:20" */
  t.moment = (ms, now) =>
    new Date(ms).toDateString() === new Date(now).toDateString()
      ? t.clock(ms)
      : `${t.day(ms)} ${t.clock(ms)}`;

  /** @param {{unit: string, count: number}} wait of roundedWait @returns {string} "41 min" */
  t.wait = ({ unit, count }) => t(`desk.wait_${unit}`, { count });

  /** @param {string} code @returns {string} a language's name, or the code */
  t.language = (code) => {
    try {
      return new Intl.DisplayNames([language], { type: "language" }).of(code) ?? code;
    } catch {
      return code;
    }
  };

  /** @param {string} code @returns {string} a country's name, or the code */
  t.country = (code) => {
    try {
      return new Intl.DisplayNames([language], { type: "region" }).of(code) ?? code;
    } catch {
      return code;
    }
  };

  /** @param {string} channel @returns {string} */
  t.channel = (channel) => strings[`channel.${channel}`] ?? channel;

  /** @param {string} category of a finding @returns {string} what the sign is called */
  t.sign = (category) => strings[`sign.${category}`] ?? category;

  /** @param {string} why a code of screening @returns {string | undefined} the reason */
  t.why = (why) => strings[`why.${why}`];

  /**
   * What a rule found, in this language where the shipped rules say it; an organisation's own rules
   * speak as they were written.
   * @param {string} explanation as triage/screening wrote it @returns {string}
   */
  t.explained = (explanation) => {
    const [, same, words = ""] = EXPLAINED.exec(explanation);
    return (strings[`explained.${same}`] ?? same) + words;
  };

  /** @param {string} question optional one @returns {string} what it asks, in a few words */
  t.asked = (question) => strings[`guided.ask_${question}`] ?? question;

  /** @param {string[]} things @returns {string} "Ana, Jo" */
  t.list = (things) => new Intl.ListFormat(language, { type: "unit" }).format(things);
  return t;
}
