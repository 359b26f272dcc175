// Nothing stays on an unwatched screen: covered after 3 minutes, warned from 9, cleared at 10.

export const COVER_MS = 3 * 60_000;
export const WARN_MS = 9 * 60_000;
export const CLEAR_MS = 10 * 60_000;

const SIGNS_OF_LIFE = ["keydown", "input", "pointerdown", "pointermove", "scroll", "touchstart", "focusin"];

/** @param {number} idleMs @returns {"awake" | "covered" | "warned" | "cleared"} */
export function stageAt(idleMs) {
  if (idleMs >= CLEAR_MS) {
    return "cleared";
  }
  if (idleMs >= WARN_MS) {
    return "warned";
  }
  return idleMs >= COVER_MS ? "covered" : "awake";
}

/**
 * Calls `onStage` at each change of stage. Once covered, only `wake` wakes it (the button), so
 * that whoever picks the phone up by chance sees the cover.
 * @param {(stage: string) => void} onStage @returns {{wake: () => void}}
 */
export function watchIdle(onStage) {
  let lastSign = Date.now();
  let stage = "awake";
  const enter = (next) => {
    if (next !== stage) {
      stage = next;
      onStage(next);
    }
  };
  const look = () => {
    enter(stageAt(Date.now() - lastSign));
    if (stage === "cleared") {
      lastSign = Date.now();
      stage = "awake";
    }
  };
  for (const name of SIGNS_OF_LIFE) {
    addEventListener(
      name,
      () => {
        look(); // timers stand still while a phone sleeps
        if (stage === "awake") {
          lastSign = Date.now();
        }
      },
      { capture: true, passive: true },
    );
  }
  addEventListener("visibilitychange", look);
  setInterval(look, 1_000);
  return {
    wake() {
      lastSign = Date.now();
      enter("awake");
    },
  };
}
