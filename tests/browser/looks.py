"""What can be measured of a screen: sideways scrolling, the way out, accessibility."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

CLIENT_WIDTHS = (320, 360, 1280)
DESK_WIDTHS = (360, 1366)
GRAVE = {"serious", "critical"}
# The desk's list: the element around it has the focus, and its arrow keys scroll.
EXCUSED = ("scrollable-region-focusable", [".scroller"])
SCHEMES = ("light", "dark")


@dataclass
class Looks:
    """Faults found so far, by the name of the screen."""

    sideways: list[str] = field(default_factory=list)
    way_out: list[str] = field(default_factory=list)
    accessibility: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    async def take(
        self, page: Page, name: str, widths: Iterable[int], *, way_out: bool = False
    ) -> None:
        """Measures one screen in every width, direction and colour scheme, and puts it back."""
        before = page.viewport_size
        await page.wait_for_load_state()  # a form's answer may still be coming
        for direction in ("rtl", "ltr"):
            await page.evaluate("(dir) => { document.documentElement.dir = dir; }", direction)
            for width in widths:
                await page.set_viewport_size({"width": width, "height": 740})
                await self._measure(page, f"{name}, {width} px, {direction}", way_out=way_out)
        await page.set_viewport_size(before)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await self._check(page, f"{name}, {scheme}")
        await page.emulate_media(color_scheme="light")
        self.seen.append(name)

    async def _measure(self, page: Page, name: str, *, way_out: bool) -> None:
        inner, outer = await page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        if inner > outer:
            self.sideways.append(f"{name}: {inner} in {outer}")
        if way_out and not await page.evaluate(_IN_SIGHT):
            self.way_out.append(name)

    async def _check(self, page: Page, name: str) -> None:
        found = await Axe().run(page, options={"resultTypes": ["violations"]})
        for violation in found.response["violations"]:
            if violation["impact"] in GRAVE:
                self.accessibility += [
                    f"{name}: {violation['id']} {node['target']}"
                    for node in violation["nodes"]
                    if (violation["id"], node["target"]) != EXCUSED
                ]


# At the top and at the bottom of the page, the button lies on the screen with nothing over it.
_IN_SIGHT = """() => [0, document.documentElement.scrollHeight].every((top) => {
  scrollTo(0, top);
  const leave = document.getElementById("leave");
  const box = leave.getBoundingClientRect();
  const on = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
  const inside = box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.height >= 44;
  scrollTo(0, 0);
  return inside && on === leave;
})"""
