// The desk's code: which screen there is, and what lasts from one to the next. Keys, texts and the
// session live in this page's memory and go with it.

import { toBase64Url } from "../envelope/bytes.js";
import { COUNSELLOR, headOf, RosterError, SUPERVISOR } from "../roster/roster.js";
import { newApi } from "./api.js";
import { applyColours } from "./colours.js";
import { newWriter } from "./conversation.js";
import { newDecisions } from "./decisions.js";
import { el } from "./dom.js";
import { followChanges } from "./events.js";
import { newKept } from "./kept.js";
import { readInvitation } from "./invitation.js";
import { showJoin } from "./join_screen.js";
import { showLock } from "./lock_screen.js";
import { showOffice } from "./office_screen.js";
import { showRecover } from "./recover_screen.js";
import { newRows } from "./rows.js";
import { readToken } from "./set_up.js";
import { showSetUp } from "./set_up_screen.js";
import { showSignIn } from "./sign_in_screen.js";
import { newTrouble } from "./trouble.js";
import { newWords } from "./words.js";
import { showWork } from "./work_screen.js";

const canWork = () =>
  typeof BigInt === "function" &&
  typeof ReadableStream === "function" &&
  typeof crypto?.getRandomValues === "function" &&
  typeof Array.prototype.findLast === "function" &&
  typeof Intl?.ListFormat === "function";

/** @param {HTMLElement} root @param {{strings: Record<string, string>, language: string}} config */
function start(root, config) {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const api = newApi(
    (path, options) => fetch(path, options),
    () => signedOut(),
  );
  const now = () => Date.now();
  const decisions = newDecisions(api, now);
  const t = newWords(config.strings, config.language);
  const { languages } = config;
  const app = { root, t, languages, api, pause, kept: newKept(window), now, decisions };
  /** What lasts from signing in to signing out, also while the desk is locked. */
  let session = null;
  /** Whose drafts could not be stored when their session ended; sealed. */
  let left = { own: "", unsent: new Map() };
  /** Ends what is on the screen: it stops its timers and forgets what it holds. */
  let leave = () => undefined;

  function show(screen, ...given) {
    leave();
    leave = screen(app, ...given) ?? (() => undefined);
  }

  const askSignIn = (given = {}) =>
    show(showSignIn, { ...given, onSignedIn: begin, onRecover: askSheets, onLanguage: speak });

  /** Another language, chosen before signing in; it is kept nowhere but here. */
  async function speak(code, name) {
    const answer = await fetch(`/static/words-${code}.json`, { cache: "no-store" });
    if (!answer.ok) {
      throw new Error("the words of that language are not there");
    }
    const { language, direction, strings } = await answer.json();
    app.t = newWords(strings, language);
    Object.assign(document.documentElement, { lang: language, dir: direction });
    document.title = app.t("desk.title");
    askSignIn({ name });
  }
  const askSheets = () => show(showRecover, { onSignedIn: begin, onBack: () => askSignIn() });

  async function begin({ token, sealed, member, isRecovery = false }) {
    api.useSession(token);
    app.kept.set("head", toBase64Url(headOf(sealed.roster)));
    if (isRecovery || !(member.roles & (COUNSELLOR | SUPERVISOR))) {
      session = { ...app, sealed, stop: () => undefined };
      show(showOffice, session, member, { isRecovery, onSignOut: signOut, onBroken: broken });
      return;
    }
    const rows = newRows(api, pause);
    const after = await rows.load();
    const trouble = newTrouble();
    const stop = followChanges(api, after, {
      change: (change) => rows.changed(change),
      team: () => session?.teamChanged?.(),
      connected() {
        if (trouble.end()) {
          rows.load().catch(() => undefined); // broken again: then it comes again with the stream
        }
      },
      broken: () => trouble.begin(app.now()),
    });
    const own = toBase64Url(sealed.staffId);
    left = left.own === own ? left : { own, unsent: new Map() };
    session = { ...app, rows, sealed, trouble, writer: newWriter(), unsent: left.unsent, stop };
    work(member);
  }

  function work(member) {
    show(showWork, session, member, { onLock: lock, onSignOut: signOut, onBroken: broken });
  }

  function lock() {
    show(showLock, session, { onUnlocked: work, onSignOut: signOut });
  }

  function end() {
    session?.stop();
    session = null;
  }

  async function signOut() {
    end();
    const ended = leave();
    leave = () => undefined;
    await ended; // what was being written is stored first
    await api.post("/api/signout", {}).catch(() => undefined); // it ends by itself, too
    api.useSession(null);
    askSignIn();
  }

  function signedOut() {
    end();
    askSignIn({ notice: app.t("signin.signed_out") });
  }

  /** The roster does not hold: nothing more is done with it. */
  async function broken(error) {
    if (!(error instanceof RosterError)) {
      return; // no connection, or signed out: each is told where it is noticed
    }
    await signOut();
    askSignIn({ notice: app.t("verify.roster_stop") });
  }

  const token = readToken(location.hash);
  const invitation = readInvitation(location.hash);
  if (location.hash) {
    history.replaceState(null, "", location.pathname);
  }
  document.title = app.t("desk.title");
  applyColours(app.kept);
  if (token) {
    const ready = (given) => {
      app.mode = given.mode; // kept by the server as soon as the first person has signed in
      askSignIn(given);
    };
    show(showSetUp, token, { onReady: ready });
  } else if (invitation) {
    show(showJoin, invitation, { onReady: askSignIn });
  } else {
    askSignIn();
  }
}

const root = document.getElementById("app");
const raw = document.getElementById("config")?.textContent;
const config = raw ? JSON.parse(raw) : null;
if (root && config) {
  if (canWork()) {
    start(root, config);
  } else {
    root.replaceChildren(el("p", {}, config.strings["trouble.no_code"]));
  }
}
