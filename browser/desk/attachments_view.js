// Attachments of one message: pictures blurred until pressed, sounds to be played, documents to be
// saved after a warning. Never shown as a page, a drawing or a document.

import { useOf } from "./attached.js";
import { button, el } from "./dom.js";

const NAMES = { picture: "attached.picture", sound: "attached.sound", other: "attached.document" };

/** @param {object} session @returns a maker of the part of a line, once for each line */
export function newAttachmentsView({ t }) {
  const drawn = new WeakMap();

  function nameOf({ kind, size }) {
    const name = kind === "mp4" ? "attached.film" : NAMES[useOf(kind)];
    return t("attached.name", { name: t(name), size: Math.max(1, Math.round(size / 1000)) });
  }

  function picture(one, address) {
    const image = el("img", { src: address, alt: nameOf(one) });
    const cover = el("button", { type: "button", class: "blurred", "aria-pressed": "false" }, image);
    const note = el("span", { class: "meta" }, t("attached.blurred"));
    cover.setAttribute("aria-label", `${nameOf(one)}. ${t("attached.blurred")}`);
    cover.addEventListener("click", () => {
      const isShown = cover.getAttribute("aria-pressed") !== "true";
      cover.setAttribute("aria-pressed", String(isShown));
      const told = t(isShown ? "attached.shown" : "attached.blurred");
      cover.setAttribute("aria-label", `${nameOf(one)}. ${told}`);
      note.textContent = told;
    });
    return el("div", { class: "attached-picture" }, cover, note);
  }

  const sound = (one, address) =>
    el("audio", { src: address, controls: true, preload: "auto", "aria-label": nameOf(one) });

  function item(talk, line, one, number) {
    const use = useOf(one.kind);
    const place = el("div", { class: "attached" });
    const problem = el("p", { class: "warning", role: "alert", hidden: true });
    const title = el("p", { class: "meta" }, nameOf(one));

    async function load(pressed, take) {
      pressed.disabled = true;
      problem.hidden = true;
      try {
        take(await talk.attached.address(line, one));
      } catch {
        problem.textContent = t("attached.cannot_open");
        problem.hidden = false;
      } finally {
        pressed.disabled = false;
      }
    }

    const open = button(t(use === "sound" ? "attached.play" : "attached.open"), () =>
      load(open, (address) => {
        const shown = use === "sound" ? sound(one, address) : picture(one, address);
        open.replaceWith(shown);
        (shown.querySelector("button") ?? shown).focus();
      }),
    );
    const saving = el("details", { class: "saving" }, el("summary", {}, t("attached.save")));
    const save = button(t("attached.save_anyway"), () =>
      load(save, (address) => {
        const name = `${t("attached.file")}-${number}.${one.kind}`;
        el("a", { href: address, download: name }).click();
      }),
    );
    const danger = use === "other" ? "attached.save_document" : "attached.save_warning";
    saving.append(el("p", { class: "warning" }, t(danger)), save);
    place.append(title, ...(use === "other" ? [] : [open]), problem, saving);
    return place;
  }

  return (talk, line) => {
    if (!drawn.has(line)) {
      const items = (line.attachments ?? []).map((one, i) => item(talk, line, one, i + 1));
      const none = el("p", { class: "warning" }, t("attached.cannot_open"));
      const unscreened = !line.ours && el("p", { class: "meta" }, t("attached.not_screened"));
      drawn.set(line, el("div", { class: "said attachments" }, items.length ? items : none, unscreened));
    }
    return drawn.get(line);
  };
}
