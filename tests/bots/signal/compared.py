"""Every call that reaches the stand-in, compared with what the API publishes."""

from aiohttp import web

from tests.bots.signal.published import ENDPOINTS, of_answer, of_request


class Elsewhere(web.Response):
    """An answer that is not the API's: of a proxy before it, or broken on the way."""


class Compared:
    """What was called, and where a request or an answer departed from the description."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.departures: list[str] = []

    def note(self, what: str, found: list[str]) -> None:
        self.departures += [f"{what}: {one}" for one in found]

    @web.middleware
    async def middleware(self, request: web.Request, handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        name = f"{request.method} {resource.canonical if resource else request.path}"
        endpoint = ENDPOINTS.get(name)
        if endpoint is None:
            self.note(name, ["it is not in the table"])
            return await handler(request)
        self.called.add(name)
        found = of_request(endpoint, request.query, await request.read())
        self.note(f"{name}, asked", found)
        if found:
            error = {"error": "Couldn't process request - invalid request"}
            return web.json_response(error, status=400)
        try:
            answer = await handler(request)
        except web.HTTPException as refusal:
            answer = refusal
        if not isinstance(answer, Elsewhere):
            raw = answer.body if isinstance(answer, web.Response) else None
            said = of_answer(endpoint, answer.status, answer.content_type, bytes(raw or b""))
            self.note(f"{name}, answered {answer.status}", said)
        if isinstance(answer, web.HTTPException):
            raise answer
        return answer
