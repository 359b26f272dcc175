"""What is missing until people can come: https or onion services, and a mirror of the keys.

Nothing of it keeps Havenline from starting; `havenline check` explains it.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from intake_server.checks import LOOPBACK, Unsafe
from intake_server.settings import Settings


def missing_for_public(settings: Settings) -> Iterator[Unsafe]:
    """What is missing, the pages' addresses first."""
    pages = (
        ("web", "The client page", settings.web.public_url),
        ("desk", "The desk", settings.desk.public_url),
    )
    for name, page, public_url in pages:
        if public_url is None:
            yield Unsafe(
                f"{name}_not_public",
                dangerous=False,
                what=f"{page} can be reached from this machine alone ({name}.public_url is empty).",
                remedy=(
                    f'Set {name}.public_url to "https://" and its host name and put Caddy or '
                    'nginx in front of it, or to "http://" and its onion name and let tor do so. '
                    "The folder deploy holds a configuration for each, which logs nothing."
                ),
            )
        elif not _is_sheltered(public_url):
            yield Unsafe(
                f"{name}_unencrypted",
                dangerous=False,
                what=(
                    f"{page} is reached at {public_url}, without encryption: whoever "
                    "carries the data reads who opens it, and may change it on the way."
                ),
                remedy=(
                    f'Set {name}.public_url to the same name with "https://", or to an onion name.'
                ),
            )
    if settings.mirror.folder is None:
        yield Unsafe(
            "no_mirror",
            dangerous=False,
            what="The keeper's files are on this machine alone. With its disk, everything is lost.",
            remedy=(
                "Plug in another disk, run `havenline mirror FOLDER --new-key FILE` once, and set "
                "mirror.folder."
            ),
        )
    web, desk = (urlsplit(each.public_url or "").hostname for each in (settings.web, settings.desk))
    if web is not None and web == desk:
        yield Unsafe(
            "one_host_name",
            dangerous=False,
            what="Clients and staff use one host name. A browser keeps apart only different names.",
            remedy="Give the desk a host name of its own, which only staff can reach.",
        )


def _is_sheltered(public_url: str) -> bool:
    """Whether an address has https, or is an onion name, or never leaves this machine."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    return parts.scheme == "https" or host.endswith(".onion") or host in LOOPBACK
