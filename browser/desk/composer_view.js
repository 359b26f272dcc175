// The field for an answer. It is part of the conversation's element and holds its id and mark from
// the moment it is drawn; it is never given to another conversation.

import { button, el } from "./dom.js";
import { endsSoon } from "./reach.js";
import { markLabel, markSign } from "./signs.js";
import { isFromElsewhere } from "./similar.js";
import { tooLongBy } from "./text.js";

const PROBLEMS = {
  claim_lost: "trouble.not_done",
  moved_on: "trouble.not_done",
  gone: "trouble.not_done",
  no_way: "answer.no_way",
  busy: "trouble.budget_plain",
  unavailable: "trouble.keeper_away",
  signed_out: "signin.signed_out",
  fault: "answer.fault",
  unknown: "answer.unknown",
};

/**
 * @param {object} session @param {object} desk @param {object} talk of desk.open
 * @param {object} given
 * @param {() => void} given.onRead shows the newest message
 * @param {() => void} given.onClaim
 */
export function newComposerView({ t, now }, desk, talk, { onRead, onClaim }) {
  const { composer, conversation } = talk;
  const { key, mark } = conversation;
  const id = `answer-${key}`;
  let drawn = null;
  let sendDrawn = null;

  const text = el("textarea", {
    id,
    rows: 4,
    dir: "auto",
    maxlength: 20_000,
    oninput: typed,
    onpaste: pasted,
    "aria-describedby": `${id}-state`,
  });
  text.value = composer.text();
  const title = el("label", { for: id, class: "composer-title" });
  const kept = el("span", { class: "meta kept", role: "status" });
  const state = el("div", { class: "state", id: `${id}-state`, role: "status" });
  const send = el("button", { class: "main send" });
  const form = el(
    "form",
    { class: `composer tone-${mark.tone}`, "data-conversation": key, onsubmit: submitted },
    el("p", { class: "composer-head" }, title, kept),
    text,
    el("div", { class: "composer-foot" }, state, send),
  );

  /** Presses for the conversation that this element was drawn for, and for no other. */
  const press = (anyway = false) => {
    if (tooLongBy(text.value, desk.member.name) === 0) {
      composer.press(now(), form.dataset.conversation, anyway);
    }
    render();
  };

  function submit() {
    const word = form.querySelector("input.word");
    if (word) {
      answerCheck(word);
    } else {
      press();
    }
  }

  function submitted(event) {
    event.preventDefault();
    submit();
  }

  function answerCheck(word) {
    if (!composer.answerCheck(word.value, now(), form.dataset.conversation)) {
      form.querySelector(".wrong").hidden = false;
      word.focus();
      return;
    }
    render();
    text.focus();
  }

  function typed() {
    composer.type(text.value);
    talk.isDraftBack = false;
    desk.typed(key);
    render();
  }

  function pasted(event) {
    const elsewhere = desk
      .talks()
      .filter((other) => other !== talk)
      .flatMap((other) => [
        other.composer.text(),
        ...other.conversation.thread.lines.map((l) => l.text),
      ]);
    if (isFromElsewhere(event.clipboardData?.getData("text/plain") ?? "", elsewhere)) {
      composer.pasted();
    }
  }

  const undo = () => {
    composer.undo();
    render();
    text.focus();
  };

  /** What stands under the field, by the composer's standing. */
  function stateOf(at) {
    const over = tooLongBy(text.value, desk.member.name);
    if (over) {
      return [t("answer.too_long", { count: over })];
    }
    const newer = composer.newer();
    return (
      {
        no_way: () => [t("answer.no_way")],
        idle: () => [noticeOfEnd()],
        not_held: () => [t("answer.not_held"), " ", button(t("talk.claim"), onClaim)],
        lost: () => [
          t("answer.lost", { name: composer.other().name, time: t.clock(composer.other().timeMs) }),
        ],
        moved_on: () => [
          t(newer.name ? "answer.moved_on" : "answer.moved_on_no_name", {
            name: newer.name,
            time: t.clock(newer.timeMs),
          }),
          " ",
          button(t("answer.read_it"), () => {
            composer.read();
            onRead();
            render();
          }),
          button(t("answer.send_anyway"), () => press(true)),
        ],
        check: () => [
          el("label", { for: `${id}-word` }, t(checkWords[composer.asked()])),
          el("input", {
            class: "word",
            id: `${id}-word`,
            autocomplete: "off",
            autocapitalize: "none",
          }),
          el("span", { class: "wrong", hidden: true, role: "alert" }, t("answer.check_wrong")),
        ],
        held: () => [button(t("answer.undo"), undo, "undo"), el("kbd", {}, "Z")],
      }[at]?.() ?? [composer.problem() ? t(PROBLEMS[composer.problem()] ?? "trouble.not_done") : ""]
    );
  }

  /** In the last day of a messenger address: what to tell the client. */
  function noticeOfEnd() {
    const way = talk.way();
    if (!endsSoon(way, now() / 1000)) {
      return composer.problem() ? t(PROBLEMS[composer.problem()] ?? "trouble.not_done") : "";
    }
    const channel = t.channel(way.channel);
    return t(way.isAlso ? "answer.ends_soon_page" : "answer.ends_soon", { channel, time: t.moment(way.until * 1000, now()) });
  }

  const checkWords = {
    similar: "answer.check",
    return: "answer.check_return",
    pasted: "answer.check_pasted",
  };

  function drawSend(at) {
    const isHeld = at === "held";
    const label = isHeld
      ? [`${t("answer.sending_in", { seconds: composer.secondsLeft(now()) })} · ${t("answer.now")}`]
      : at === "sending"
        ? [t("answer.sending")]
        : t.parts("answer.send", { mark: markSign(mark, t) });
    send.replaceChildren(...label, el("kbd", {}, "Ctrl+Enter"));
    send.disabled = !["ready", "held", "check"].includes(at);
    send.title = at === "idle" ? t("answer.write_first") : "";
    send.setAttribute(
      "aria-label",
      isHeld || at === "sending" ? label[0] : t("answer.send", { mark: markLabel(mark, t) }),
    );
    form.dataset.standing = at;
  }

  function drawKept() {
    const at = desk.draftKeptAt(key);
    if (talk.isDraftBack) {
      kept.textContent = t("answer.draft_is_back");
    } else if (at === null) {
      kept.textContent = t("trouble.draft_not_kept");
    } else {
      kept.textContent = at && composer.text() ? t("answer.draft_kept", { time: t.clock(at) }) : "";
    }
  }

  function render() {
    const at = composer.standing(now());
    if (text.value !== composer.text()) {
      text.value = composer.text(); // sent, or a draft that came back
    }
    text.readOnly = composer.isBusy() || at === "no_way";
    const name = talk.name;
    title.replaceChildren(
      ...t.parts(name ? "answer.title" : "answer.title_no_name", {
        mark: markSign(mark, t),
        name: el("bdi", {}, name),
      }),
    );
    drawKept();
    const over = tooLongBy(text.value, desk.member.name);
    const wanted = [
      at,
      composer.problem(),
      composer.newer()?.number,
      composer.other()?.name,
      over,
      talk.way()?.until,
    ].join();
    if (wanted !== drawn) {
      drawn = wanted;
      state.replaceChildren(...stateOf(at));
      state.querySelector("input.word")?.focus();
    }
    const sendWanted = [at, composer.secondsLeft(now()), over > 0].join();
    if (sendWanted !== sendDrawn) {
      sendDrawn = sendWanted;
      drawSend(over ? "idle" : at);
    }
  }

  render();
  return { element: form, render, submit, focus: () => text.focus() };
}
