"""No object of the web process keeps a text of the form path until somebody else writes.

What the interpreter has freed and not yet used again is another matter: `make proof PART=memory`
counts that, and docs/limits.md says it.
"""

import gc

TEXT = "canary-of-one-form"


def values_of(one):
    """What one object holds: contents of containers, of our own kinds what is in their slots."""
    if isinstance(one, dict):
        return list(one.values())
    if isinstance(one, list | tuple | set | frozenset):
        return list(one)
    if not str(type(one).__module__).startswith(("intake_server", "triage", "vault")):
        return []
    names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
    return [getattr(one, name, None) for name in names if isinstance(name, str)]


def holders():
    """The kinds of objects that hold a string or bytes with the text in it."""
    found = set()
    for one in gc.get_objects():
        for value in values_of(one):
            text = value.encode("utf-8", "replace") if isinstance(value, str) else value
            if isinstance(text, bytes | bytearray) and TEXT.encode() + b"-" in text:
                found.add(type(one).__name__)
    return found


async def test_no_object_keeps_a_text_once_it_is_stored_and_screened(
    screened_hotline, new_browser, eventually
):
    async def write(number):
        browser = new_browser(screened_hotline)
        await browser.visit()
        screen = await browser.submit("write-form", "send", text=f"{TEXT}-{number}")
        return screen.state

    kept = f"{TEXT}-kept"
    here = [kept]
    assert "list" in holders(), "the search finds what is there"
    del here, kept
    for number in range(3):
        assert await write(number) == "phrase"
    await eventually(lambda: not holders())
