"""Reading the rules of screening from files: those that are shipped, and an organisation's own.

Putting a language together takes some tenths of a second. So what came out is kept beside the
rules, as Python keeps its own compiled files: in ``compiled/``, one file a language, used only
where it was made from just these rules by just this code. Where the folder cannot be written to,
everything works as well and starts later; a package to install has the files (``make wheel``).
"""

import contextlib
import gc
import hashlib
import os
import sys
import tempfile
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import triage.screening
from triage.screening.pack_shape import PackShape, decode_shape, encode_shape
from triage.screening.rule_files import MakeShape, RulesRefusedError, compile_rules, load_rules
from triage.screening.rules import RuleSet
from triage.screening.taxonomy import Taxonomy, TaxonomyRefusedError, read_taxonomy

__all__ = [
    "OWN_RULES",
    "SHIPPED",
    "RulesUnusable",
    "compiled_rules",
    "read_rules",
    "read_texts",
    "rule_texts",
    "shipped_taxonomy",
    "shipped_weights",
]

SHIPPED: Final = Path(triage.screening.__path__[0])
OWN_RULES: Final = "indicators"
"""A folder in the data folder, with an organisation's own files."""


class RulesUnusable(Exception):
    """The rules cannot be used; the message says which place of which file to change, and how."""


def read_rules(own: Path | None = None, languages: Collection[str] | None = None) -> RuleSet:
    """Return the shipped rules, of these languages or of all, and those in the folder ``own``.

    Takes a few seconds where ``own`` has words of which the shipped files know no forms. Raises
    ``RulesUnusable``.
    """
    try:
        return read_texts(rule_texts(own, languages))
    except RulesRefusedError as refused:
        raise RulesUnusable(f"the rules of screening cannot be used:\n{refused}") from None


def read_texts(texts: Mapping[str, str]) -> RuleSet:
    """Return the rules in files of these names and texts; raises ``RulesRefusedError``."""
    with _not_collecting():
        return load_rules(
            shipped_taxonomy(), texts, word_forms(), compiled_rules(texts), shipped_weights()
        )


@contextlib.contextmanager
def _not_collecting() -> Iterator[None]:
    """Collect no garbage: there is none among the rules, and looking for it doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def shipped_taxonomy() -> Taxonomy:
    """Return the categories."""
    try:
        return read_taxonomy((SHIPPED / "taxonomy.json").read_text(encoding="utf-8"))
    except TaxonomyRefusedError as refused:
        raise RulesUnusable(str(refused)) from None


def shipped_weights() -> str:
    """Return the text of the file of weights."""
    return (SHIPPED / "weights.toml").read_text(encoding="utf-8")


def rule_texts(
    own: Path | None = None, languages: Collection[str] | None = None
) -> Mapping[str, str]:
    """Return the texts of rule files by name, in the order in which they are read."""
    shipped = sorted((SHIPPED / "rules").glob("*.toml"))
    files = [file for file in shipped if languages is None or file.stem in languages]
    files += sorted(own.glob("*.toml")) if own is not None else []
    texts: dict[str, str] = {}
    for file in files:
        try:
            texts[f"{file.parent.name}/{file.name}"] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise RulesUnusable(f"{file} cannot be read as UTF-8 text: mend it") from None
    return texts


def word_forms() -> Mapping[str, str]:
    """Return the shipped files of forms by simplemma's code of their language."""
    files = sorted((SHIPPED / "word_forms").glob("*.txt"))
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def compiled_rules(texts: Mapping[str, str]) -> Mapping[str, MakeShape]:
    """Return what gives each shipped language put together, by the names of their files.

    What is not there or not of these texts is made, and kept if it can be.
    """
    made_by = _made_by()
    files = sorted((SHIPPED / "rules").glob("*.toml"))
    names = [f"{file.parent.name}/{file.name}" for file in files]
    return {name: partial(_compiled, name, texts[name], made_by) for name in names if name in texts}


def _made_by() -> str:
    """Return a digest of all that shapes are made by and from, beside the rules themselves."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{sys.version_info[:2]} {unicodedata.unidata_version}".encode())
    for pattern in ("*.py", "taxonomy.json", "word_forms/*.txt"):
        for file in sorted(SHIPPED.glob(pattern)):
            data = file.read_bytes()
            digest.update(f"\n{file.name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _compiled(name: str, text: str, made_by: str) -> PackShape | None:
    sources = hashlib.blake2b(f"{made_by}{name}\n{text}".encode(), digest_size=16).hexdigest()
    kept = SHIPPED / "compiled" / f"{Path(name).stem}.json"
    with contextlib.suppress(OSError, ValueError):
        shape = decode_shape(kept.read_text(encoding="utf-8"), sources)
        if shape is not None:
            return shape
    shape = compile_rules(shipped_taxonomy(), name, text, word_forms())
    if shape is not None:
        with contextlib.suppress(OSError):
            _keep(kept, encode_shape(shape, sources))
    return shape


def _keep(path: Path, text: str) -> None:
    """Write a file at once, so that who reads it meanwhile reads the whole."""
    path.parent.mkdir(exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
