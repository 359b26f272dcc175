// The page for the recovery sheets.

import { fromBase64Url } from "../envelope/bytes.js";
import { card } from "./card.js";
import { button, el, newProblem } from "./dom.js";
import { recover } from "./recover.js";
import { compareFingerprint } from "./sign_in_screen.js";
import { newSheetReader } from "./sheet_reader.js";
import { NotTheRecovery } from "./shares.js";
import { signInTrouble } from "./troubles.js";

/**
 * @param {object} app
 * @param {{onSignedIn: (signedIn: object) => void, onBack: () => void}} given
 */
export function showRecover(app, { onSignedIn, onBack }) {
  const { root, t, api, kept } = app;

  function begin(trouble = "") {
    const problem = newProblem();
    const back = button(t("desk.back"), onBack);
    const body = card(
      el("h1", { tabindex: "-1" }, t("recovery.title")),
      el("p", {}, t("recovery.enter")),
      problem.place,
      newSheetReader(t, enter),
      el("p", { class: "choices" }, back),
    );
    root.replaceChildren(body);
    if (trouble) {
      problem.tell(trouble);
    }
  }

  async function enter(secret) {
    try {
      const known = kept.get("fingerprint");
      const hello = await api.post("/api/hello", {});
      const fingerprint = fromBase64Url(known ?? hello.fingerprint);
      const signedIn = await recover(api, secret, fingerprint);
      const go = () => onSignedIn({ ...signedIn, isRecovery: true });
      await (known ? go() : compareFingerprint(app, fingerprint, go));
    } catch (error) {
      begin(error instanceof NotTheRecovery ? t("recovery.not_here") : signInTrouble(error, t));
    }
  }

  begin();
}
