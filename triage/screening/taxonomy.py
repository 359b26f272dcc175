"""The categories that screening knows, read from ``taxonomy.json``.

The caller reads the file and hands in its text. Sources are named there once; a rule that names
none takes the first source of its category.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from triage.screening.findings import Applies, Strength

__all__ = ["Category", "Kind", "Taxonomy", "TaxonomyRefusedError", "read_taxonomy"]


@unique
class Kind(StrEnum):
    """What a category is for."""

    INDICATOR = "indicator"
    DANGER = "danger"
    """Outside the indicator lists: sets the urgency to 3 while it is present."""
    CONTACT = "contact"
    """A plea, or contact that may not be safe: never below 1."""


@dataclass(frozen=True, slots=True)
class Category:
    """One category. ``child_danger``: with a child now, it means urgency 3."""

    id: str
    name: str
    kind: Kind
    adult: Strength
    child: Strength
    child_danger: bool
    instrument: str
    item: str

    def strength(self, *, minor: bool) -> tuple[Strength, Applies]:
        """Return the strength and whose list it comes from."""
        if self.adult is self.child:
            return self.adult, Applies.ANY
        return (self.child, Applies.CHILD) if minor else (self.adult, Applies.ADULT)


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All categories by id, and the keys of the sources that may be named."""

    version: str
    categories: Mapping[str, Category]
    sources: frozenset[str]


class TaxonomyRefusedError(Exception):
    """The taxonomy file cannot be used; the message says what is wrong."""


def read_taxonomy(text: str) -> Taxonomy:
    """Read the taxonomy; raise ``TaxonomyRefusedError`` if a part is missing or unknown."""
    try:
        shape = json.loads(text)
        sources = frozenset(shape["sources"])
        categories = [_category(entry, sources) for entry in shape["categories"]]
        version = str(shape["version"])
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise TaxonomyRefusedError(
            f"taxonomy.json: {type(error).__name__}: {error}; compare it with the shipped file"
        ) from None
    by_id = {category.id: category for category in categories}
    if len(by_id) != len(categories):
        raise TaxonomyRefusedError("taxonomy.json: two categories have the same id: rename one")
    return Taxonomy(version, by_id, sources)


def _category(entry: Mapping[str, object], sources: frozenset[str]) -> Category:
    named = entry["sources"]
    if not isinstance(named, list) or any(one["source"] not in sources for one in named):
        raise ValueError(f'"{entry["id"]}" names a source that is not in "sources"')
    return Category(
        id=str(entry["id"]),
        name=str(entry["name"]),
        kind=Kind(str(entry["kind"])),
        adult=Strength(str(entry["adult"])),
        child=Strength(str(entry["child"])),
        child_danger=entry["child_danger"] is True,
        instrument=str(named[0]["source"]),
        item=str(named[0]["item"]),
    )
