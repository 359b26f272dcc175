// The page's sections, words and notices. Only text is ever put in; no markup is made from text.

/** @param {string} id @returns {HTMLElement} */
export const byId = (id) => document.getElementById(id);

/** @param {Record<string, string>} strings */
export function newWords(strings) {
  /** @param {string} id @param {Record<string, string | number>} [values] @returns {string} */
  return (id, values = {}) =>
    strings[id].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * Shows one section and hides the others; the focus goes where reading goes on. While the cover
 * stands it only notes what comes under it: nothing shows itself on an unwatched screen.
 */
export function showState(state, focus) {
  if (document.body.dataset.state === "cover") {
    document.body.dataset.under = state;
    return;
  }
  show(state, focus);
}

/** Covers whatever is on the screen, if nothing covers it yet. */
export function coverState() {
  if (document.body.dataset.state !== "cover") {
    document.body.dataset.under = document.body.dataset.state;
    show("cover");
  }
}

/** Takes the cover away. @param {string} [state] what to show instead of what lies under it */
export function uncoverState(state) {
  show(state ?? document.body.dataset.under);
}

function show(state, focus) {
  for (const section of document.querySelectorAll("main > section")) {
    section.hidden = section.id !== state;
  }
  document.body.dataset.state = state;
  scrollTo(0, 0);
  focus?.focus();
}

/** Tells a problem in its place; the person's text stays where it is. */
export function showProblem(id, text) {
  const place = byId(id);
  place.replaceChildren(text);
  place.hidden = false;
  place.focus();
}

/** A place to tell a problem, where the page has none. */
export function newProblem(id) {
  const place = document.createElement("p");
  Object.assign(place, { id, className: "problem", tabIndex: -1 });
  place.setAttribute("role", "alert");
  return place;
}

export function hideProblem(id) {
  const place = byId(id);
  place.hidden = true;
  place.replaceChildren();
}

/** A button inside a problem or notice. */
export function newButton(text, onPress) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = text;
  button.addEventListener("click", onPress);
  return button;
}

/** Says something that went well, or a hint, once. */
export function showNotice(id, text) {
  const place = byId(id);
  place.textContent = text;
  place.hidden = !text;
}

/** While something is under way: one button, one run. */
export async function whileBusy(button, text, work) {
  if (button.disabled) {
    return;
  }
  const before = button.textContent;
  button.disabled = true;
  button.textContent = text;
  try {
    await work();
  } finally {
    button.disabled = false;
    if (button.textContent === text) {
      button.textContent = before;
    }
  }
}
