// The optional questions: one a screen, "I would rather not say" first, nothing sent before the
// end. Fetched with its words after the first message is stored; the sections of the first page
// know nothing of it, so it makes its own.
//
// "No, I cannot write safely now" is the one answer that is sent by itself, at once; then comes the
// way out, and no more questions. The phrase can be seen there only where this page made it in this
// visit: who came back has it, and whoever else stands at an open page must not get it.
//
// A file of its own, like the list of words: whoever fetches it hands in what it needs of the first
// page's code, since what both imported would become one more file of the first page.

import { answersText, readAnswers, SAFE } from "../envelope/answers.js";

async function wordsFor(language) {
  const response = await fetch(`/static/guided-${language}.json`, {
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) {
    throw new Error("the words for the questions are not there");
  }
  return response.json();
}

function make(tag, text, more = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  return Object.assign(element, more);
}

/**
 * @param {object} page
 * @param {object} talk `phrase()` where this page made it, or null; `send(text)` stores answers;
 *   `tell(text)` says what went well or not, over the messages
 * @param {object} screens of screen.js: `byId`, `newWords`, `showState`, `whileBusy`
 */
export async function watchGuided(page, talk, { byId, newWords, showState, whileBusy }) {
  const { questions, strings } = await wordsFor(page.language);
  const t = newWords(strings);
  /** What was answered so far, and nothing about what was passed over. */
  let answers = new Map();
  let run = 0; // an answer that arrives late changes no later screen

  const section = make("section", "", { id: "guided", hidden: true });
  byId("main").append(section);
  const offer = button(t("g01.offer"), () => ask(0));
  const takeBack = button(t("g09.take_back"), () =>
    whileBusy(takeBack, t("g09.sending_answers"), retract),
  );
  offer.id = "guided-offer";
  takeBack.id = "guided-take-back";
  byId("answer-form").after(offer, takeBack);

  function button(text, onclick, more = "") {
    return make("button", text, { type: "button", className: `button ${more}`.trim(), onclick });
  }

  function screen(title, ...parts) {
    const heading = make("h1", title, { tabIndex: -1 });
    section.replaceChildren(heading, ...parts);
    showState("guided", heading);
  }

  const hints = (...ids) => ids.map((id) => make("p", t(id), { className: "hint" }));

  // --- asking ---------------------------------------------------------------------------------

  function ask(place) {
    const question = questions[place];
    const number = { number: place + 1, count: questions.length };
    const notes =
      question.id === SAFE
        ? hints("g02.rules", "g02.no_is_sent", "g02.at_the_end")
        : [make("p", t("g10.progress", number), { className: "hint" })];
    const choices = question.choices.map((choice) =>
      button(t(`g03.say_${choice}`), () => say(place, choice)),
    );
    screen(
      t(`g05.ask_${question.id}`),
      ...notes,
      button(t("g03.rather_not"), () => say(place, "")),
      ...choices,
      button(t("g10.step_back"), () => (place ? ask(place - 1) : done()), "plain"),
    );
  }

  function say(place, choice) {
    answers.delete(questions[place].id);
    if (choice) {
      answers.set(questions[place].id, choice);
    }
    if (answers.get(SAFE) === "no") {
      stop();
    } else if (place + 1 < questions.length) {
      ask(place + 1);
    } else {
      review();
    }
  }

  /** In the order of asking, whichever way somebody went back and forth. */
  const inOrder = () =>
    new Map(questions.flatMap(({ id }) => (answers.has(id) ? [[id, answers.get(id)]] : [])));

  // --- the end --------------------------------------------------------------------------------

  function review() {
    const list = document.createElement("ul");
    for (const [id, answer] of inOrder()) {
      list.append(make("li", `${t(`g06.short_${id}`)}: ${t(`g03.say_${answer}`)}`));
    }
    const back = button(t("g10.step_back"), () => ask(questions.length - 1), "plain");
    if (!answers.size) {
      screen(
        t("g07.review_empty"),
        ...hints("g07.nothing"),
        button(t("g08.to_messages"), done),
        back,
      );
      return;
    }
    const problem = make("p", "", { className: "problem", hidden: true, tabIndex: -1 });
    problem.setAttribute("role", "alert");
    const send = button(
      t("g07.send_answers"),
      () => whileBusy(send, t("g09.sending_answers"), () => give(problem)),
      "main",
    );
    const notes = hints("g07.skipped", "g07.read_by_team");
    screen(t("g07.review"), problem, ...notes, list, button(t("g07.do_not_send"), done), send, back);
  }

  async function give(problem) {
    const mine = run;
    try {
      await talk.send(answersText(inOrder()));
      if (mine === run) {
        done();
        talk.tell(t("g09.answers_sent"));
      }
    } catch {
      problem.textContent = t("g09.answers_not_sent");
      problem.hidden = false;
      problem.focus();
    }
  }

  /**
   * It is not safe: at once the way out, and a phrase of this visit, folded away from whoever
   * stands near; the answer goes meanwhile.
   */
  function stop() {
    const told = make("p", "", { id: "guided-told" });
    told.setAttribute("role", "status");
    const phrase = talk.phrase();
    const words = phrase ? document.createElement("details") : hints("g08.words_kept")[0];
    const leave = byId("leave");
    const away = make("a", leave.textContent, {
      className: "button main",
      href: leave.href,
      rel: "noreferrer",
    });
    screen(t("g08.stop_here"), told, away, words, button(t("g08.to_messages"), done, "plain"));
    const mine = run;
    if (phrase) {
      page.phraseLines(phrase).then((lines) => {
        if (mine === run) {
          lines.className = "notice";
          const note = make("p", t("g08.words_alone"));
          words.replaceChildren(make("summary", t("g08.show_words")), lines, note);
        }
      });
    }
    answers = new Map();
    talk.send(answersText(new Map([[SAFE, "no"]]))).then(
      () => (told.textContent = t("g08.team_knows")),
      () => (told.textContent = t("g08.team_unaware")),
    );
  }

  async function retract() {
    try {
      await talk.send(answersText(new Map()));
      talk.tell(t("g09.taken_back"));
    } catch {
      talk.tell(t("g09.not_taken_back"));
    }
  }

  function forget() {
    run += 1;
    answers = new Map();
    section.replaceChildren();
  }

  function done() {
    forget();
    showState("conversation");
  }

  return {
    forget,
    /** @param {string} text of a message of answers @returns {string} what the list says of it */
    rowText: (text) => t(readAnswers(text)?.size ? "g09.row_answers" : "g09.row_taken_back"),
    /** @param {string | undefined} newest text of the newest answers that were sent */
    show(newest) {
      takeBack.hidden = !(newest && readAnswers(newest)?.size);
    },
  };
}
