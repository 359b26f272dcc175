// The menu of languages. A tap fetches the page in another one, which takes a while; meanwhile
// the person may go on. So a tap counts only as long as what it was made on still stands.

import { byId, newProblem, showProblem } from "./screen.js";

/**
 * Of several taps the last one counts, and only while `look` sees what it saw at the tap.
 * @param {() => unknown[]} look what a tap is made on
 * @returns {() => () => boolean} called at a tap; what it gives says whether that tap still counts
 */
export function newTaps(look) {
  let last = 0;
  return () => {
    last += 1;
    const mine = last;
    const seen = look();
    return () => mine === last && look().every((one, i) => one === seen[i]);
  };
}

/**
 * @param {() => {page: object}} running what runs now
 * @param {(config: object, fingerprint: Uint8Array) => object} run starts what stands in the page
 * @param {(config: object, fingerprint: Uint8Array) => void} check throws where keys do not hold
 * @returns {{watch: () => void}} `watch` is called for each page anew
 */
export function newMenu(running, run, check) {
  const tap = newTaps(() => [running(), document.body?.dataset.state]);
  let busy = null;

  function mark(button) {
    busy?.removeAttribute("aria-busy");
    busy = button;
    busy?.setAttribute("aria-busy", "true");
  }

  async function turnTo(button) {
    const isWanted = tap();
    const { page, later } = running();
    mark(button);
    try {
      const { turn } = await import("./later.js");
      const { fingerprint } = page.keys().roster;
      await turn(button.value, {
        isWanted,
        later,
        check: (config) => check(config, fingerprint),
        run: (config) => run(config, fingerprint),
      });
    } catch {
      if (isWanted()) {
        byId("menu-problem") ?? byId("main").prepend(newProblem("menu-problem"));
        showProblem("menu-problem", page.t("c44.no_connection"));
      }
    } finally {
      if (busy === button) {
        mark(null);
        byId("to-language")?.removeAttribute("open"); // it would lie over what is told
      }
    }
  }

  return {
    watch() {
      byId("to-language")?.addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button) {
          event.preventDefault();
          if (button !== busy) {
            turnTo(button);
          }
        }
      });
    },
  };
}
