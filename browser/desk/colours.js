// Light or dark: as the system says, until somebody chooses here.

const CHOICES = ["light", "dark"];

const systemDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** @param {object} kept @returns {"light" | "dark"} what is shown now */
export const coloursNow = (kept) => kept.get("colours") ?? (systemDark() ? "dark" : "light");

/** @param {object} kept */
export function applyColours(kept) {
  const chosen = kept.get("colours");
  if (CHOICES.includes(chosen)) {
    document.documentElement.dataset.colours = chosen;
  }
}

/** @param {object} kept */
export function switchColours(kept) {
  kept.set("colours", coloursNow(kept) === "dark" ? "light" : "dark");
  applyColours(kept);
}
