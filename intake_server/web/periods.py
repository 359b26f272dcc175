"""Days, hours and minutes with their number, in the plural forms of each language (CLDR).

Babel knows the forms, but for seven of these languages it leaves the words out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal

Unit = Literal["day", "hour", "minute"]

# For each unit the forms by CLDR category; {} is the number. A category that is missing is "other".
_FORMS: Final[Mapping[str, Mapping[Unit, Mapping[str, str]]]] = MappingProxyType(
    {
        "ar": {
            "day": {
                "one": "يوم",
                "two": "يومان",
                "few": "{} أيام",
                "many": "{} يومًا",
                "other": "{} يوم",
            },
            "hour": {"one": "ساعة", "two": "ساعتان", "few": "{} ساعات", "other": "{} ساعة"},
            "minute": {"one": "دقيقة", "two": "دقيقتان", "few": "{} دقائق", "other": "{} دقيقة"},
        },
        "bg": {
            "day": {"one": "{} ден", "other": "{} дни"},
            "hour": {"one": "{} час", "other": "{} часа"},
            "minute": {"one": "{} минута", "other": "{} минути"},
        },
        "de": {
            "day": {"one": "{} Tag", "other": "{} Tage"},
            "hour": {"one": "{} Stunde", "other": "{} Stunden"},
            "minute": {"one": "{} Minute", "other": "{} Minuten"},
        },
        "en": {
            "day": {"one": "{} day", "other": "{} days"},
            "hour": {"one": "{} hour", "other": "{} hours"},
            "minute": {"one": "{} minute", "other": "{} minutes"},
        },
        "es": {
            "day": {"one": "{} día", "other": "{} días"},
            "hour": {"one": "{} hora", "other": "{} horas"},
            "minute": {"one": "{} minuto", "other": "{} minutos"},
        },
        "fr": {
            "day": {"one": "{} jour", "other": "{} jours"},
            "hour": {"one": "{} heure", "other": "{} heures"},
            "minute": {"one": "{} minute", "other": "{} minutes"},
        },
        "id": {
            "day": {"other": "{} hari"},
            "hour": {"other": "{} jam"},
            "minute": {"other": "{} menit"},
        },
        "km": {
            "day": {"other": "{} ថ្ងៃ"},
            "hour": {"other": "{} ម៉ោង"},
            "minute": {"other": "{} នាទី"},
        },
        "my": {
            "day": {"other": "{} ရက်"},
            "hour": {"other": "{} နာရီ"},
            "minute": {"other": "{} မိနစ်"},
        },
        "pl": {
            "day": {"one": "{} dzień", "other": "{} dni"},
            "hour": {"one": "{} godzina", "few": "{} godziny", "other": "{} godzin"},
            "minute": {"one": "{} minuta", "few": "{} minuty", "other": "{} minut"},
        },
        "pt": {
            "day": {"one": "{} dia", "other": "{} dias"},
            "hour": {"one": "{} hora", "other": "{} horas"},
            "minute": {"one": "{} minuto", "other": "{} minutos"},
        },
        "ro": {
            "day": {"one": "{} zi", "few": "{} zile", "other": "{} de zile"},
            "hour": {"one": "{} oră", "few": "{} ore", "other": "{} de ore"},
            "minute": {"one": "{} minut", "few": "{} minute", "other": "{} de minute"},
        },
        "ru": {
            "day": {"one": "{} день", "few": "{} дня", "other": "{} дней"},
            "hour": {"one": "{} час", "few": "{} часа", "other": "{} часов"},
            "minute": {"one": "{} минута", "few": "{} минуты", "other": "{} минут"},
        },
        "sr": {
            "day": {"one": "{} dan", "other": "{} dana"},
            "hour": {"one": "{} sat", "few": "{} sata", "other": "{} sati"},
            "minute": {"one": "{} minut", "other": "{} minuta"},
        },
        "th": {
            "day": {"other": "{} วัน"},
            "hour": {"other": "{} ชั่วโมง"},
            "minute": {"other": "{} นาที"},
        },
        "uk": {
            "day": {"one": "{} день", "few": "{} дні", "other": "{} днів"},
            "hour": {"one": "{} година", "few": "{} години", "other": "{} годин"},
            "minute": {"one": "{} хвилина", "few": "{} хвилини", "other": "{} хвилин"},
        },
        "vi": {
            "day": {"other": "{} ngày"},
            "hour": {"other": "{} giờ"},
            "minute": {"other": "{} phút"},
        },
    }
)
_FALLBACK: Final = "en"


def period_of(number: int, unit: Unit, language: str, plural: Callable[[int], str]) -> str:
    """Such as 14 days; `plural` gives the CLDR category of a number in this language.

    A language that an organisation added itself has no forms here and gets the English ones.
    """
    if language not in _FORMS:
        language, plural = _FALLBACK, lambda one: "one" if one == 1 else "other"
    forms = _FORMS[language][unit]
    return forms.get(plural(number), forms["other"]).format(number)
