// What stands under the line of a page that asks to go on with a chat's conversation: yes, no, and
// what became of it.

import { button, el } from "./dom.js";

/**
 * @param {object} session @param {object} desk
 * @returns {(talk: object, line: object) => Node[]} nothing where this line asks nothing any more
 */
export function newPageView({ t }, desk) {
  return ({ conversation, page }, line) => {
    const asked = conversation.pageThatAsks();
    const isBusy = Boolean(page?.isBusy);
    const said = page?.id === line.id && page.said;
    const isOver = ["page.refused", "page.gone"].includes(said);
    const choice = (id, isYes, look) =>
      button(t(id), () => desk.answerPage(conversation.key, isYes), look, { disabled: isBusy });
    const choices =
      asked?.id === line.id && !isOver
        ? el("p", {}, choice("page.let_in", true, "main"), " ", choice("page.refuse", false, ""))
        : null;
    return [choices, said && el("p", { class: "meta", role: "status" }, t(said))].filter(Boolean);
  };
}
