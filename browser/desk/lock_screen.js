// The locked desk: numbers only. No key, text, mark or name is in the page's memory or tree.

import { CannotOpen } from "../envelope/sealing.js";
import { RosterError } from "../roster/roster.js";
import { card } from "./card.js";
import { button, el, field, newProblem, whileBusy } from "./dom.js";
import { oldestWaits, roundedWait } from "./order.js";
import { unlock } from "./sign_in.js";

const AGAIN_MS = 15_000;

/**
 * @param {object} app @param {object} session
 * @param {object} given
 * @param {(member: object) => void} given.onUnlocked @param {() => void} given.onSignOut
 * @returns {() => void} ends it
 */
export function showLock({ root, t, now }, session, { onUnlocked, onSignOut }) {
  const { rows, sealed, trouble } = session;
  const problem = newProblem();
  const counts = el("p", { class: "counts" });
  const oldest = el("p", { class: "counts" });
  const offline = el("p", { class: "notice", hidden: true });
  const password = el("input", { type: "password", autocomplete: "current-password" });
  const submit = el("button", { class: "main" }, t("lock.with_password"));
  const form = el("form", { onsubmit: open }, field(t("signin.password"), password), submit);
  root.replaceChildren(
    card(
      el("h1", {}, t("lock.title")),
      counts,
      oldest,
      offline,
      problem.place,
      form,
      button(t("signin.sign_out"), onSignOut, "plain"),
    ),
  );
  password.focus();

  function count() {
    const waiting = rows.waiting();
    const danger = waiting.filter((row) => row.urgency === 3).length;
    counts.textContent = t("lock.waiting", { count: waiting.length, danger });
    const waits = oldestWaits(waiting, now() / 1000).map(({ waited }) => waited);
    oldest.textContent = waits.length
      ? t("lock.oldest", { wait: t.wait(roundedWait(Math.max(...waits))) })
      : "";
    const since = trouble.since();
    offline.hidden = since === null;
    offline.textContent =
      since === null ? "" : t("trouble.offline_locked", { time: t.clock(since) });
  }

  function open(event) {
    event.preventDefault();
    problem.clear();
    return whileBusy(submit, t("signin.opening"), async () => {
      try {
        const member = await unlock(sealed, password.value);
        password.value = "";
        onUnlocked(member);
      } catch (error) {
        if (!(error instanceof CannotOpen || error instanceof RosterError)) {
          throw error;
        }
        password.value = "";
        problem.tell(t("lock.wrong"));
      }
    });
  }

  count();
  const stops = [rows.watch(count), trouble.watch(count)];
  const timer = setInterval(count, AGAIN_MS);
  return () => {
    clearInterval(timer);
    stops.forEach((stop) => stop());
    root.replaceChildren();
  };
}
