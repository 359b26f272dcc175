// What the rules say about each message and what counsellors made of it: agree, not this, add.
// Nothing here changes the urgency or what the client sees.

import { SUPERVISOR } from "../roster/roster.js";
import { answerQuote } from "./answers_view.js";
import { button, el, field, newProblem, whileBusy } from "./dom.js";
import { sourceOf } from "./findings.js";
import { keyOf } from "./judgements.js";
import { numberedFindings } from "./line_view.js";
import { newStepsView } from "./steps_view.js";
import { urgencyWord } from "./signs.js";
import { placeOf, quoteOf } from "./spans.js";

const WEIGHTS = { weak: "low", medium: "medium", strong: "high" };
const UNREAD = { no_text: "findings.not_screened", language: "findings.language_unknown" };
const UNKNOWN = "und";
const OF_ANSWERS = "guided.";
/** Reasons that no list of signs tells by itself. */
const TOGETHER = ["everyday", "likely_danger", "likely_grave"];
const MOST_OPEN = 2;
/** How a flag stands out. */
const FLAGS = { minor: "warning", third_party: "meta" };
/** Signs as triage/screening/taxonomy.json names them. */
const CATEGORIES = [
  "document_retention",
  "movement_restriction",
  "isolation_control_of_contact",
  "debt_bondage",
  "wage_withholding",
  "deception",
  "threats",
  "threat_of_authorities",
  "physical_sexual_violence",
  "excessive_work",
  "abusive_conditions",
  "sexual_exploitation",
  "forced_criminality_begging",
  "forced_marriage_sale_removal",
  "abuse_of_vulnerability",
  "immediate_danger",
  "self_harm",
  "plea_or_constrained_contact",
];

/**
 * @param {object} session @param {object} desk @param {object} talk
 * @param {object} given
 * @param {(text: string) => void} given.say @param {() => void} given.onSupervisor hands it over
 */
export function newSignsView(session, desk, talk, { say, onSupervisor }) {
  const { t, rows, now } = session;
  const { key, thread } = talk.conversation;
  const found = el("div", { class: "found" });
  const problem = newProblem();
  const steps = newStepsView(session);
  const element = el("div", { class: "signs" }, found, problem.place, adding());

  /** Messages whose signs that were set aside somebody unfolded. */
  const unfolded = new Set();

  const languageOf = (screening) => screening?.language || UNKNOWN;

  /** @returns {Promise<boolean>} whether it was kept */
  async function judge(judgement, language) {
    problem.clear();
    try {
      await desk.judge(key, judgement, language);
      return true;
    } catch {
      problem.tell(t("findings.not_kept"));
      return false;
    }
  }

  /** Both buttons of a sign, and what was said last. */
  function judging(about, screening) {
    const last = thread.judgements.of(about);
    const id = keyOf(about);
    const choice = (said, label) => {
      const pressed = button(
        t(label),
        () =>
          whileBusy(pressed, t(label), async () => {
            if (await judge({ ...about, said }, languageOf(screening))) {
              const again = `[data-said="${said}"][data-about="${CSS.escape(id)}"]`;
              found.querySelector(again)?.focus();
            }
          }),
        "small",
        { "aria-pressed": String(last?.said === said), "data-said": said, "data-about": id },
      );
      return pressed;
    };
    const isOwn = last?.name === desk.member.name;
    const words =
      last && last.said !== "added" && isOwn
        ? t(`findings.${last.said}`)
        : last && t(`findings.${last.said}_by`, { name: last.name });
    return el(
      "div",
      { class: "judging", role: "group", "aria-label": t.sign(about.category) },
      about.rule && choice("agreed", "findings.agree"),
      choice("dismissed", "findings.dismiss"),
      words && el("span", { class: "meta" }, words),
    );
  }

  /** The words that a sign points to; of answers the question as well. */
  const quoted = (line, place) => {
    const quote = quoteOf(line.text, place);
    return line.isAnswers ? answerQuote(quote, t) : quote;
  };

  function signItem(finding, line, number, screening) {
    const parts = {
      sign: t.sign(finding.category),
      quote: el("bdi", {}, quoted(line, finding)),
      source: el("bdi", {}, sourceOf(finding)),
      weight: t(`findings.weight_${WEIGHTS[finding.strength]}`),
    };
    const { rule, category, start, end } = finding;
    return el(
      "li",
      { value: number },
      el("p", {}, t.parts("findings.sign", parts)),
      // Of an answer to an optional question, the quote says it all.
      !rule.startsWith(OF_ANSWERS) && el("p", { class: "meta" }, t.explained(finding.explanation)),
      finding.guess && el("p", { class: "meta" }, t("findings.guess")),
      judging({ of: line.id, rule, category, start, end }, screening),
    );
  }

  /** What was found and is not counted, such as in an everyday matter: few words, and folded. */
  function aside(line, screening) {
    const { set_aside: signs, why } = screening;
    const title = t(why === "everyday" ? "findings.aside_everyday" : "findings.aside");
    const items = signs.map((one) => {
      const { rule, category, start, end } = one;
      return el(
        "li",
        {},
        el("p", {}, t.sign(category), " · “", el("bdi", {}, quoted(line, one)), "”"),
        judging({ of: line.id, rule, category, start, end }, screening),
      );
    });
    if (signs.length <= MOST_OPEN) {
      return el("div", { class: "aside" }, el("p", { class: "meta" }, title), el("ul", {}, items));
    }
    return el(
      "details",
      {
        class: "aside",
        open: unfolded.has(line.id),
        ontoggle: ({ target }) => unfolded[target.open ? "add" : "delete"](line.id),
      },
      el("summary", { class: "meta" }, title),
      el("ul", {}, items),
    );
  }

  /** Signs that a counsellor added to a message. */
  function added(line, screening) {
    const signs = thread.judgements.addedTo(line.id);
    return (
      signs.length > 0 &&
      el(
        "ul",
        {},
        signs.map((one) =>
          el(
            "li",
            {},
            el(
              "p",
              {},
              t.sign(one.category),
              one.end > 0 && [" · “", el("bdi", {}, quoteOf(line.text, one)), "”"],
            ),
            judging({ ...one, said: undefined }, screening),
          ),
        ),
      )
    );
  }

  const signs = (count) =>
    count === 1 ? t("findings.sign_one") : t("findings.sign_count", { count });

  const quotes = (line, places) =>
    places.map((place) => [" “", el("bdi", {}, quoted(line, place)), "”"]);

  /** Who else should know, and by which words; the client is answered like everybody. */
  function route(one, line, all) {
    const words = one.route === "everyday" ? all.filter((r) => r.route === one.route) : [one];
    const isStaff = one.route === "staff_safety";
    return el(
      "div",
      { class: `route route-${one.route}` },
      el(
        "p",
        { class: isStaff ? "warning" : "" },
        t(`route.${one.route}`),
        quotes(line, words),
      ),
      isStaff && supervisor(),
      !isStaff && el("p", { class: "meta" }, t("route.alike")),
    );
  }

  function supervisor() {
    if (desk.member.roles & SUPERVISOR) {
      return el("p", {}, t("route.yours"));
    }
    return desk.supervisors().length
      ? el("p", {}, button(t("route.to_supervisor"), onSupervisor))
      : el("p", {}, t("route.tell_supervisor"));
  }

  function head({ findings, flags, urgency, why, reason }) {
    const isPast = flags.includes("past");
    if (TOGETHER.includes(why) || !findings.length) {
      return `${urgencyWord(urgency, t)}: ${t.why(why) ?? reason}`;
    }
    return t(isPast ? "findings.urgency_past" : "findings.urgency", {
      urgency: urgencyWord(urgency, t),
      signs: signs(findings.length),
    });
  }

  /** The words that a flag rests on. */
  const wordsOf = (flag, line, { flag_words: words }) =>
    quotes(
      line,
      words.filter((one) => one.flag === flag),
    );

  /** What a flag says, with its words; nothing where it does not stand. */
  const flagLine = (flag, told, line, screening) =>
    screening.flags.includes(flag) &&
    el("p", { class: FLAGS[flag] }, t(told), wordsOf(flag, line, screening));

  /** What the rules say about one message. */
  function about(line, { finding, first }) {
    if (!finding.verified || !finding.screening) {
      return [el("p", { class: "warning" }, t("findings.unverified"))];
    }
    const { screening } = finding;
    const { screened, urgency, why, flags, findings, routes, set_aside } = screening;
    if (!screened) {
      return [el("p", {}, t(UNREAD[why] ?? "findings.not_screened"))];
    }
    const firsts = routes.filter((one, i) => routes.findIndex((r) => r.route === one.route) === i);
    return [
      el("p", { class: "finding-head" }, head(screening), wordsOf("past", line, screening)),
      ...firsts.map((one) => route(one, line, routes)),
      findings.length > 0 &&
        el(
          "ol",
          {},
          findings.map((one, i) => signItem(one, line, first + i, screening)),
        ),
      set_aside.length > 0 && aside(line, screening),
      flagLine("minor", "findings.minor_plain", line, screening),
      flags.includes("minor") && steps.element(),
      flagLine("third_party", "findings.third_person", line, screening),
      findings.length + set_aside.length === 0 &&
        urgency < 2 &&
        why !== "no_sign" &&
        el("p", { class: "meta" }, t("findings.none")),
    ].filter(Boolean);
  }

  /** The signed findings say more than the list: somebody may have left some away. */
  function difference(numbered) {
    const row = rows.get(key);
    const said = [...numbered.values()]
      .filter(({ finding }) => finding.verified && finding.screening)
      .map(({ finding }) => finding.screening.urgency);
    const highest = Math.max(-1, ...said);
    return row && row.urgency_by !== "hand" && highest > row.urgency
      ? el(
          "p",
          { class: "warning" },
          t("findings.differs", {
            said: urgencyWord(highest, t),
            shown: urgencyWord(row.urgency, t),
          }),
        )
      : null;
  }

  const fromClient = () =>
    thread.lines.filter((line) => line.kind === "message" && !line.ours && !line.replaced);

  /** What is shown about one message; null where there is nothing to say. */
  function section(line, one, isLatest) {
    const screening = one?.finding.verified ? one.finding.screening : null;
    const own = added(line, screening);
    const isTelling =
      !screening ||
      [screening.findings, screening.set_aside, screening.routes].some((each) => each.length > 0);
    const says = one && (isLatest || isTelling);
    const isMissed = isLatest && !one && rows.screening() === "on";
    if (!says && !own && !isMissed) {
      return null;
    }
    return el(
      "section",
      {},
      el("h3", { class: "meta" }, t.moment(line.timeMs, now())),
      says && about(line, one),
      isMissed && el("p", {}, t("findings.not_reached")),
      own,
    );
  }

  // --- a sign that the rules did not see ------------------------------------------------------

  function adding() {
    const which = el(
      "select",
      {},
      CATEGORIES.map((one) => el("option", { value: one }, t.sign(one))),
    );
    const words = el("input", { type: "text", dir: "auto", autocomplete: "off" });
    const go = button(t("findings.add_do"), () => whileBusy(go, t("findings.add_do"), add));
    const form = el(
      "details",
      { class: "adding" },
      el("summary", {}, t("findings.add")),
      field(t("findings.add_which"), which),
      field(t("findings.add_words"), words),
      go,
    );

    async function add() {
      const written = fromClient().filter((line) => !line.isAnswers);
      const place = placeOf(
        words.value.trim(),
        written.map(({ text }) => text),
      );
      const line = place && written[place.text];
      if (!line?.id) {
        problem.tell(t("findings.add_missing"));
        return;
      }
      const { start, end } = place;
      const judgement = { of: line.id, rule: "", category: which.value, start, end, said: "added" };
      if (await judge(judgement, languageOf(thread.findingOf(line)?.screening))) {
        words.value = "";
        form.open = false;
        form.querySelector("summary").focus();
        say(t("findings.added"));
      }
    }

    return form;
  }

  return {
    element,
    /** @returns {string} the version of the rules that looked last; "" where none did */
    render() {
      const numbered = numberedFindings(thread);
      const latest = thread.lastFromClient();
      const sections = fromClient()
        .reverse()
        .map((line) => section(line, numbered.get(line), line === latest));
      const off = rows.screening() === "off" && el("p", {}, t("findings.off"));
      found.replaceChildren(...[off, difference(numbered), ...sections].filter(Boolean));
      const read = [...numbered].findLast(
        ([line, { finding }]) => !line.isAnswers && finding.screening?.version,
      );
      return read?.[1].finding.screening.version ?? "";
    },
  };
}
