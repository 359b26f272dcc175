// A sheet over the desk that Escape ends; the focus goes back to where it was.

import { el } from "./dom.js";

/** @param {string | (Node | string)[]} title @param {...Node} children @returns {HTMLDialogElement} */
export function sheet(title, ...children) {
  const before = document.activeElement;
  const id = `sheet-title-${document.querySelectorAll("dialog").length}`;
  const dialog = el(
    "dialog",
    { "aria-labelledby": id, onclose: done },
    el("h2", { id }, title),
    ...children,
  );
  function done() {
    dialog.remove();
    before?.focus?.();
  }
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
