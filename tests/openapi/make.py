"""Writes docs/openapi: what the client page and the desk may be asked, from the routes themselves.

`python -m tests.openapi.make`. Paths and roles come from the tables of routes, bodies from what
each step reads, refusals from what each process answers: nothing is listed a second time.
"""

import inspect
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from intake_server.desk import bodies, refusals, routes
from intake_server.desk.api import Api as DeskApi
from intake_server.desk.attachments_api import AttachmentsApi
from intake_server.desk.channels_api import ChannelsApi
from intake_server.desk.indicators_api import IndicatorsApi
from intake_server.desk.office_api import OfficeApi
from intake_server.desk.pages_api import PagesApi
from intake_server.desk.team_api import TeamApi
from intake_server.web import api as web_api
from vault.messages import SIZES

FOLDER = Path(__file__).parents[2] / "docs" / "openapi"
EVENTS = "events"  # the one answer that goes on
LETTER = "[A-Za-z0-9_-]"
LAST = {0: LETTER, 1: "[AQgw]", 2: "[AEIMQUYcgkosw048]"}  # of one spelling, by bytes left over
Schema = dict[str, Any]
Errors = dict[HTTPStatus, list[str]]


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, document in documents().items():
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def documents() -> dict[str, Schema]:
    return {"web": web(), "desk": desk()}


def document(title: str, about: str, paths: Schema, schemas: Schema, errors: Errors) -> Schema:
    """`errors` are the refusals that any of the paths may answer."""
    done = {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}}
    refused = {
        str(status.value): {
            "description": ", ".join(sorted(codes)),
            "content": {"application/json": {"schema": error_schema(codes)}},
        }
        for status, codes in sorted(errors.items())
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": "1",
            "description": about,
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        },
        "paths": paths,
        "components": {"responses": {"200": done, **refused}, "schemas": schemas},
    }


def path_of(says: str | None, body: Schema, errors: Errors, **more: Any) -> Schema:
    """One POST: what it does and reads; what it answers stands among the components."""
    statuses = ["200", *(str(status.value) for status in sorted(errors))]
    return {
        "post": {
            "summary": " ".join((says or "").split("\n\n")[0].split()),
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {each: {"$ref": f"#/components/responses/{each}"} for each in statuses},
            **more,
        }
    }


def error_schema(codes: list[str]) -> Schema:
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"enum": sorted(codes)}},
    }


def text_of(least: int, most: int) -> Schema:
    """Bytes as base64url without padding: their number bounds that of the letters."""
    first, last = (-(-size * 4 // 3) for size in (least, most))
    if least == most:
        return {"type": "string", "pattern": f"^{LETTER}{{{last - 1}}}{LAST[most % 3]}$"}
    return {"type": "string", "pattern": f"^{LETTER}*$", "minLength": first, "maxLength": last}


# --- the client page ------------------------------------------------------------------------

SIZED = {
    "conversation": (web_api.ID_SIZE,) * 2,
    "message": (web_api.ID_SIZE,) * 2,
    "tag": (web_api.TAG_SIZE,) * 2,
    "nonce": (web_api.NONCE_SIZE,) * 2,
    "reply": (web_api.KEY_SIZE,) * 2,
    "signature": (web_api.SIGNATURE_SIZE,) * 2,
    "attachment": (web_api.ID_SIZE,) * 2,
    "create": (1, web_api.LONGEST_REQUEST),
    "envelope": (min(SIZES), max(SIZES)),
}
"""Bytes in the page's requests, which are text to the first reader and measured by the next."""


def web() -> Schema:
    kinds = {path: kind_in(step) for path, step in web_api.STEPS.items()}
    references, schemas = components(list(kinds.values()))
    for schema in schemas.values():
        for name, sizes in SIZED.items():
            if name in schema["properties"]:
                schema["properties"][name] = text_of(*sizes)
        if "due" in schema["properties"] or "after" in schema["properties"]:
            name = "due" if "due" in schema["properties"] else "after"
            schema["properties"][name] |= {"minimum": 0, "maximum": web_api.LATEST_TIME - 1}
    errors = {
        HTTPStatus.BAD_REQUEST: ["malformed"],
        HTTPStatus.CONFLICT: ["closed", "stale_keys"],
        HTTPStatus.FORBIDDEN: ["refused", "not_offered"],
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ["too_long"],
        HTTPStatus.TOO_MANY_REQUESTS: ["too_many"],
        HTTPStatus.SERVICE_UNAVAILABLE: ["unavailable"],
        HTTPStatus.INSUFFICIENT_STORAGE: ["no_room"],
    }
    paths = {
        path: path_of(step.__doc__, references[kinds[path]], errors)
        for path, step in web_api.STEPS.items()
    }
    about = "What the code in a client's browser asks of the web process. Everything is sealed."
    return document("Havenline, client page", about, paths, schemas, errors)


# --- the desk -------------------------------------------------------------------------------

ROUTE = re.compile(r'Route\("([\w/]+)", ([\w.]+), _\w+\(([\w.]+)\.(\w+)(?:, \w+)?\)\)')
PARTS = {
    "api": DeskApi,
    "team": TeamApi,
    "office": OfficeApi,
    "rules": IndicatorsApi,
    "files": AttachmentsApi,
    "requests.channels": ChannelsApi,
    "requests.pages": PagesApi,
}
"""What each part of the desk is called in the table of routes."""

SESSION = {
    "name": routes.SESSION_HEADER,
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
}


def desk() -> Schema:
    found = ROUTE.findall(inspect.getsource(routes.Routes))
    steps = {name: (need, getattr(PARTS[of], step)) for name, need, of, step in found}
    kinds = {name: kind_in(step) for name, (_, step) in steps.items()}
    kinds[EVENTS] = bodies.After
    references, schemas = components(list(kinds.values()))
    errors: Errors = {}
    for refusal in every(refusals.NotDone):
        errors.setdefault(refusal.status, []).append(refusal.code)
    errors[HTTPStatus.REQUEST_ENTITY_TOO_LARGE] = [refusals.MalformedRequest.code]
    paths = {
        f"/api/{name}": path_of(
            step.__doc__,
            references[kinds[name]],
            errors,
            **({} if need in ("Need.NOTHING", "Need.EITHER") else {"parameters": [SESSION]}),
        )
        for name, (need, step) in steps.items()
    }
    paths[f"/api/{EVENTS}"] = path_of(
        "Changes, one JSON object a line, for as long as the page is open.",
        references[bodies.After],
        errors,
        parameters=[SESSION],
    )
    about = "What the desk's page asks of the desk process. What only the team may read is sealed."
    return document("Havenline, desk", about, dict(sorted(paths.items())), schemas, errors)


def every(refusal: type[refusals.NotDone]) -> list[type[refusals.NotDone]]:
    below = [found for one in refusal.__subclasses__() for found in every(one)]
    return [*([refusal] if "code" in vars(refusal) else []), *below]


# --- both -----------------------------------------------------------------------------------


def kind_in(step: Any) -> type[msgspec.Struct]:
    """The body that a step reads, as its source says, by the names of its own module."""
    (name,) = set(re.findall(r"\b_?read\(\w+, ([\w.]+)\)", inspect.getsource(step)))
    found: Any = inspect.getmodule(step)
    for each in name.split("."):
        found = getattr(found, each)
    return found


def components(kinds: list[type[msgspec.Struct]]) -> tuple[dict[Any, Schema], Schema]:
    unique = list(dict.fromkeys(kinds))
    schemas, named = msgspec.json.schema_components(
        unique,
        ref_template="#/components/schemas/{name}",
        schema_hook=lambda kind: text_of(kind.least, kind.most),
    )
    return dict(zip(unique, schemas, strict=True)), named


if __name__ == "__main__":
    main()
