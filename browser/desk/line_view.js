// One line of a conversation: a message with the words that findings point to, a gap, or what could
// not be opened.

import { hoursOf } from "../envelope/ways.js";
import { answersView } from "./answers_view.js";
import { newAttachmentsView } from "./attachments_view.js";
import { eventsOf } from "./channel_events.js";
import { el } from "./dom.js";
import { newPageView } from "./page_view.js";
import { piecesOf } from "./spans.js";

const OUTBOX = { waiting: "state.pending", sent: "state.sent" };
// The courier's reasons and those of the channels (intake_server/courier, bots/channel.py).
const REASONS = {
  unavailable: "state.failed_network",
  uncertain: "state.failed_uncertain",
  earlier_epoch: "state.failed_epoch",
  not_verified: "state.failed_signature",
  no_address: "state.failed_address",
  no_channel: "state.failed_channel",
  forgotten: "state.failed_address",
  gone: "state.failed_address",
  identity_changed: "state.failed_identity",
  not_encrypted: "state.failed_plain",
  too_long: "state.failed_long",
  refused: "state.failed_refused",
  not_offered: "state.failed_off",
  not_whole: "state.failed_file",
  partly: "state.failed_partly",
};
// What a counsellor can do about it; where nothing stands, the text can be copied and sent again.
const REMEDIES = {
  uncertain: "remedy.uncertain",
  not_verified: "remedy.tell",
  no_address: "remedy.write_again",
  no_channel: "remedy.tell",
  forgotten: "remedy.write_again",
  gone: "remedy.write_again",
  identity_changed: "remedy.identity",
  not_encrypted: "remedy.write_again",
  too_long: "remedy.shorter",
  not_offered: "remedy.words",
  not_whole: "remedy.files_again",
  partly: "remedy.partly",
};
// Files cannot be kept as a draft: they are chosen and sent once more.
const OF_FILES = {
  too_long: "remedy.smaller",
  uncertain: "remedy.partly",
  earlier_epoch: "remedy.files_again",
  not_verified: "remedy.files_tell",
  no_address: "remedy.files_later",
  gone: "remedy.files_later",
  forgotten: "remedy.files_later",
  not_encrypted: "remedy.files_later",
};

/** @param {string} reason @param {boolean} isAttachments @returns {string | undefined} a sentence's id */
export const remedyOf = (reason, isAttachments) =>
  (isAttachments && OF_FILES[reason]) || REMEDIES[reason];

/**
 * What is shown of findings: numbers run through the whole conversation.
 * @param {object} thread of newThread
 * @returns {Map<object, {finding: object, first: number}>} by line
 */
export function numberedFindings(thread) {
  const numbered = new Map();
  let count = 0;
  for (const line of thread.lines) {
    const isRead = line.kind === "message" && !line.ours && !line.replaced;
    const finding = isRead ? thread.findingOf(line) : undefined;
    if (finding) {
      numbered.set(line, { finding, first: count + 1 });
      count += finding.verified ? (finding.screening?.findings.length ?? 0) : 0;
    }
  }
  return numbered;
}

// The row says no more than this; which hours it are, the keeper has told.
const LATER = "later";

const reasonOf = (outbox) => (outbox.state === "returned" ? "earlier_epoch" : outbox.reason);

/** @param {object} session @param {object} desk @param {object} given @returns a maker of lines */
export function newLineView({ t, now }, desk, { onCopy }) {
  const attachmentsView = newAttachmentsView({ t });
  const pageView = newPageView({ t }, desk);

  /** What became of one's answer. */
  function stateOf(talk, line) {
    const outbox = talk.outbox.get(line.id);
    if (talk.conversation.row.channel === "web") {
      const there = outbox && sentState(talk, outbox);
      return there ? t("state.page_and", { state: there }) : t("state.delivered");
    }
    return sentState(talk, outbox);
  }

  /** What became of it on its way to a messenger. */
  function sentState(talk, outbox) {
    if (outbox?.state === "waiting" && outbox.reason === LATER) {
      return waits(talk);
    }
    if (outbox?.state === "waiting" && outbox.again) {
      return t("state.again", { time: t.moment(outbox.again * 1000, now()) });
    }
    if (!outbox || outbox.state in OUTBOX) {
      return t(OUTBOX[outbox?.state] ?? "state.pending");
    }
    return t("state.failed", { reason: t(REASONS[reasonOf(outbox)] ?? "state.failed_refused") });
  }

  function waits(talk) {
    const by = talk.way()?.channel;
    const way = talk.conversation.ways().each.find(({ channel }) => channel === by);
    const hours = way && hoursOf(way);
    return hours
      ? t("state.safe_hours_at", { begin: hours[0], end: hours[1] })
      : t("state.safe_hours");
  }

  function meta(talk, line) {
    const time = t.moment(line.timeMs, now());
    if (!line.ours) {
      return t.parts("talk.client_at", {
        time,
        name: el("bdi", {}, line.name || t("talk.no_name")),
      });
    }
    const isOwn = line.name === desk.member.name;
    const name = el("bdi", {}, line.name);
    const sent = isOwn ? "talk.sent_by_you" : "talk.sent_by";
    return [`${time} `, ...t.parts(sent, { name, state: stateOf(talk, line) })];
  }

  function textOf(line, numbered) {
    const screening = numbered?.finding.verified ? numbered.finding.screening : null;
    const spans = screening?.findings ?? [];
    return piecesOf(line.text, spans).map(({ text, numbers }) =>
      numbers.length
        ? el(
            "mark",
            { class: "sign" },
            text,
            el("sup", {}, numbers.map((n) => n - 1 + numbered.first).join(",")),
          )
        : text,
    );
  }

  const inWords = (values) =>
    values.channel ? { ...values, channel: t.channel(values.channel) } : values;

  function failedActions(talk, line) {
    const outbox = talk.outbox.get(line.id);
    const isFailed = outbox && !(outbox.state in OUTBOX);
    if (!isFailed) {
      return [];
    }
    if (talk.conversation.row.channel === "web") {
      return [el("p", { class: "warning" }, t("remedy.on_page"))];
    }
    const remedy = remedyOf(reasonOf(outbox), line.isAttachments);
    return [
      remedy && el("p", { class: "warning" }, t(remedy)),
      !line.isAttachments &&
        el("button", { type: "button", onclick: () => onCopy(line.text) }, t("state.to_draft")),
    ];
  }

  function message(talk, line, numbered) {
    const warning = line.verified
      ? line.earlier && t("verify.earlier_team")
      : t(line.ours ? "verify.team_unverified" : "verify.unverified");
    // What the team did not sign is never shown as the team's words.
    const isShown = line.verified || !line.ours;
    const events = eventsOf(line);
    return el(
      "li",
      {
        class: `line ${line.ours ? "ours" : "theirs"}${line.verified ? "" : " unverified"}`,
        "data-number": line.number,
      },
      el("p", { class: "meta" }, meta(talk, line)),
      line.danger && el("p", { class: "danger-tick" }, t("talk.danger_tick")),
      warning && el("p", { class: "warning" }, warning),
      ...events.map(({ id, values }) => el("p", { class: "warning" }, t(id, inWords(values)))),
      ...(events.some(({ id }) => id === "event.page_asks") ? pageView(talk, line) : []),
      isShown &&
        !line.isAnswers &&
        !line.isAttachments &&
        events.length === 0 &&
        el("p", { class: "said", dir: "auto" }, textOf(line, numbered)),
      line.isAnswers && answersView(line, t),
      line.isAttachments && attachmentsView(talk, line),
      ...(line.ours ? failedActions(talk, line) : []),
    );
  }

  /** @param {object} talk @param {object} line @param {object | undefined} numbered its findings */
  return (talk, line, numbered) => {
    if (line.kind === "unreadable") {
      return el("li", { class: "line" }, el("p", { class: "warning" }, t("talk.cannot_open")));
    }
    if (line.kind === "gap") {
      const { first, last } = line;
      const words =
        first === last
          ? t("verify.gap", { number: first })
          : t("verify.gap_several", { first, last });
      return el("li", { class: "line" }, el("p", { class: "warning" }, words));
    }
    return message(talk, line, numbered);
  };
}
