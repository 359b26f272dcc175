// Another language in the middle of it. The first page is fetched in that language and its parts
// take the place of those here; what was typed, and an open conversation, never leave this page's
// memory. The choice is kept nowhere else.

const PATIENCE_MS = 20_000;

/** Words of the client page that come later. @param {string} language its code */
export async function laterWords(language) {
  const response = await fetch(`/static/later-${language}.json`, {
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout?.(PATIENCE_MS),
  });
  if (!response.ok) {
    throw new Error("the words for the conversation are not there");
  }
  return (await response.json()).strings;
}

/** The first page in another language, read but not run. */
function fetchPage(language) {
  return new Promise((resolve, reject) => {
    const asking = new XMLHttpRequest();
    asking.open("POST", "/");
    asking.responseType = "document";
    asking.timeout = PATIENCE_MS;
    asking.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    asking.onload = () => resolve(asking.response);
    asking.onerror = asking.ontimeout = asking.onabort = () => reject(new Error("no page"));
    asking.send(new URLSearchParams({ to: language }));
  });
}

/** Something is on its way, or may have arrived: what is on the screen must stay as it is. */
const isBusy = () => document.querySelector("main button:disabled, main [readonly]") !== null;

const FIELDS = "main textarea[id], main input[id]";

/** What was typed and ticked, with the ids of the fields. */
const typedHere = () =>
  [...document.querySelectorAll(FIELDS)]
    .map(({ id, checked, value, type, tagName }) => ({ id, checked, value, type, tagName }))
    .filter(({ checked, value, type }) =>
      type === "checkbox" ? checked : value && type !== "file",
    );

/** Where something typed belongs in the other page; the rest of a long text joins its beginning. */
const placeOf = (root, id) => root.getElementById(id) ?? root.getElementById(id.replace(/-next$/, ""));

function fill(typed) {
  for (const { id, value, checked } of typed) {
    const place = placeOf(document, id);
    if (!place) {
      continue; // of a part that makes its own fields: hours of a messenger
    }
    if (place.type === "checkbox") {
      place.checked = checked;
    } else {
      place.value = place.id === id ? value : place.value + value;
    }
  }
  document.getElementById("kept-block").hidden = !document.getElementById("kept").value;
}

/** The other page's parts in the place of this one's. */
function swap(next) {
  const { lang, dir } = next.documentElement;
  Object.assign(document.documentElement, { lang, dir });
  document.body.dataset.state = next.body.dataset.state;
  document.body.replaceChildren(...next.body.childNodes);
}

/** Where somebody is writing just now, to go on there. */
function cursorHere() {
  const field = document.activeElement;
  return field?.matches(FIELDS) ? { id: field.id, at: field.selectionStart } : null;
}

function goOn(cursor) {
  const place = cursor && placeOf(document, cursor.id);
  (place ?? document.querySelector("#to-language > summary"))?.focus();
  if (place && cursor.at !== null && place.id === cursor.id) {
    place.setSelectionRange(cursor.at, cursor.at);
  }
}

/**
 * The other page may come long after the tap. Where the person went on meanwhile (a phrase stands
 * on the screen, the cover, another language was tapped), the page is left as it is.
 * @param {string} language code of the wanted one
 * @param {object} ways `isWanted()` says whether the tap still counts; `later()` gives the rest of
 *   what runs now; `check(config)` throws where the keys do not hold together; `run(config)` starts
 *   the page that stands in the document
 */
export async function turn(language, { isWanted, later, check, run }) {
  const [next, strings] = await Promise.all([fetchPage(language), laterWords(language)]);
  const raw = next?.getElementById("config")?.textContent;
  if (!raw) {
    throw new Error("that page takes nothing now");
  }
  const config = JSON.parse(raw);
  check(config);
  Object.assign(config.strings, strings);
  const isOpen = document.body?.dataset.state === "conversation";
  const talking = isOpen ? (await later()).talking : null;
  // From here to the swap nothing is waited for: what was looked at still holds.
  if (!isWanted() || isBusy()) {
    return;
  }
  const typed = typedHere();
  const isText = ({ tagName }) => tagName === "TEXTAREA";
  if (typed.some((one) => isText(one) && !placeOf(next, one.id))) {
    throw new Error("that page has no place for what was typed");
  }
  const cursor = cursorHere();
  const unfolded = [...document.querySelectorAll("main details[open][id]")].map(({ id }) => id);
  const opened = talking?.hand();
  if (talking && !opened) {
    return; // it is being closed
  }
  swap(next);
  const started = run(config);
  if (opened) {
    const rest = await started.later();
    rest.talking.start(opened);
    rest.talking.enter();
  }
  for (const id of unfolded) {
    document.getElementById(id)?.setAttribute("open", "");
  }
  fill(typed);
  goOn(cursor);
}
