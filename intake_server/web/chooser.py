"""The menu of languages: a button for each, in its own name and script.

Without code its buttons belong to the form on the screen, so that what was typed comes along and
comes back in the other language. A form's first button is the one that Enter presses; so the
form's own one stands before them, unseen. The browser's languages come first. Nothing is stored:
the choice goes on as a hidden field of every form (`language`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from intake_server.languages import Language, Languages

_FORMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "opening": ("write-form", "send"),
        "write": ("write-form", "send"),
        "back": ("back-form", "open"),
        "conversation": ("answer-form", "answer"),
        "closed": ("", ""),
    }
)
"""By state: the form that the buttons belong to, and what Enter does in it."""

_GUARD: Final = Markup('<button form="{form}" name="do" value="{do}" hidden></button>')
_BUTTON: Final = Markup('<button{form} name="to" value="{code}" lang="{tag}"{rtl}>{name}</button>')
_OF_FORM: Final = Markup(' form="{form}" formenctype="application/x-www-form-urlencoded"')
_OWN_FORM: Final = Markup('<form method="post" action="/">{buttons}</form>')


def chooser(languages: Languages, current: Language, accepted: str, state: str) -> Markup:
    """The buttons for a page in this state; nothing where no choice is offered.

    `accepted` is the browser's Accept-Language. Whatever it is, the length is the same.
    """
    if len(languages.listed) == 1 or state not in _FORMS:
        return Markup("")
    form, do = _FORMS[state]
    of_form = _OF_FORM.format(form=form) if state == "conversation" else _part_of(form)
    buttons = Markup("").join(
        _BUTTON.format(
            form=of_form,
            code=one.code,
            tag=one.tag,
            rtl=Markup(' dir="rtl"') if one.direction == "rtl" else "",
            name=one.name,
        )
        for one in languages.in_order(accepted)
        if one.code != current.code
    )
    if not form:
        return _OWN_FORM.format(buttons=buttons)
    return _GUARD.format(form=form, do=do) + buttons


def _part_of(form: str) -> Markup:
    return Markup(' form="{form}"').format(form=form) if form else Markup("")
