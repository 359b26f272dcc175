// What stands under the line of a page that asks to go on with a chat's conversation: yes, no, and
// what became of it. A yes cannot be taken back here, so it is asked once more.

import { button, el } from "./dom.js";

const OVER = ["page.refused", "page.gone"];

/**
 * @param {object} session @param {object} desk
 * @returns {(talk: object, line: object) => Node[]} nothing where this line asks nothing any more
 */
export function newPageView({ t }, desk) {
  // Where the buttons were that are gone, the focus goes to what stands there now.
  const meta = (id) => el("p", { class: "meta page-word", role: "status", tabindex: -1 }, t(id));

  function choices(key, { isBusy = false, isWeighing = false } = {}) {
    const choice = (id, onClick) => button(t(id), onClick, "", { disabled: isBusy });
    if (!desk.pages.isMine(key)) {
      return [meta("page.take_first")];
    }
    if (isWeighing) {
      return [
        el("p", { class: "page-word", tabindex: -1 }, t("page.sure")),
        el(
          "p",
          {},
          choice("page.yes", () => desk.pages.answer(key, true)),
          " ",
          choice("page.not_yet", () => desk.pages.weigh(key, false)),
        ),
      ];
    }
    return [
      el(
        "p",
        { class: "page-word", tabindex: -1 },
        choice("page.let_in", () => desk.pages.weigh(key, true)),
        " ",
        choice("page.refuse", () => desk.pages.answer(key, false)),
      ),
    ];
  }

  return ({ conversation, page }, line) => {
    const asked = conversation.pageThatAsks();
    const own = page?.id === line.id ? page : undefined;
    const said = own?.said;
    const isAsking = asked?.id === line.id && !OVER.includes(said);
    const isTold = said && !(isAsking && said === "page.take_first");
    return [...(isAsking ? choices(conversation.key, own) : []), isTold && meta(said)].filter(Boolean);
  };
}
