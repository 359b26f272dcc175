// Elements are made by calls; text is only ever text. No markup is made from strings.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag @param {Record<string, unknown>} [props] `on…` are listeners, `class` and
 *   others attributes; false, null and undefined leave an attribute away, true sets it empty
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    setProp(element, name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

function setProp(element, name, value) {
  if (name.startsWith("on")) {
    element.addEventListener(name.slice(2), value);
  } else if (name === "value" || name === "checked" || name === "disabled" || name === "readOnly") {
    element[name] = value;
  } else if (value !== false && value !== null && value !== undefined) {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {string} text @param {() => void} onPress
 * @param {string} [kind] class @param {object} [props]
 */
export const button = (text, onPress, kind = "", props = {}) =>
  el("button", { type: "button", class: kind || null, onclick: onPress, ...props }, text);

let fields = 0;

/**
 * A labelled field.
 * @param {string} label @param {HTMLElement} input
 * @param {string} [hint] @returns {HTMLElement}
 */
export function field(label, input, hint = "") {
  fields += 1;
  input.id ||= `field-${fields}`;
  const note = hint && el("p", { class: "hint", id: `${input.id}-hint` }, hint);
  if (note) {
    input.setAttribute("aria-describedby", note.id);
  }
  return el("p", { class: "field" }, el("label", { for: input.id }, label), input, note);
}

/** A place for one sentence about trouble; it takes the focus when something is said. */
export function newProblem() {
  const place = el("p", { class: "problem", tabindex: "-1", role: "alert", hidden: true });
  return {
    place,
    tell(text, focus = true) {
      place.replaceChildren(text);
      place.hidden = false;
      if (focus) {
        place.focus();
      }
    },
    clear() {
      place.hidden = true;
      place.replaceChildren();
    },
  };
}

/**
 * A drawing in the colour of the text.
 * @param {string} path @param {string} className @returns {SVGElement} hidden from what reads aloud
 */
export function drawing(path, className) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  line.setAttribute("fill-rule", "evenodd");
  svg.append(line);
  return svg;
}

/** @param {boolean[][]} rows dark or not @param {string} label @returns {SVGElement} */
export function picture(rows, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  svg.setAttribute("class", "qr");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const path = document.createElementNS(SVG, "path");
  const squares = rows.flatMap((row, y) =>
    row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")),
  );
  path.setAttribute("d", squares.join(""));
  svg.append(path);
  return svg;
}

/** While something is under way: one button, one run. */
export async function whileBusy(pressed, text, work) {
  if (pressed.disabled) {
    return;
  }
  const before = [...pressed.childNodes];
  pressed.disabled = true;
  pressed.replaceChildren(text);
  try {
    await work();
  } finally {
    pressed.disabled = false;
    pressed.replaceChildren(...before);
  }
}
