"""Which handler answers, by method and the route of the manifest; and what runs when a version is set."""

from __future__ import annotations

from typing import Any, Callable

from .log import log
from .request import Request
from .response import Problem, Response

Handler = Callable[[Request], Any]


class App:
    """An app: its routes, with the patterns of `app.toml`, letter for letter."""

    def __init__(self) -> None:
        self._routes: dict[str, dict[str, Handler]] = {}
        self._init: Callable[[], None] | None = None
        self._migrate: Callable[[str], None] | None = None

    def on(self, method: str, route: str) -> Callable[[Handler], Handler]:
        """What answers a method of a route: a `Response`, or a value that becomes JSON with status 200."""

        def remember(handler: Handler) -> Handler:
            self._routes.setdefault(route, {})[method] = handler
            return handler

        return remember

    def get(self, route: str) -> Callable[[Handler], Handler]:
        """What answers `GET`, and `HEAD`."""

        def remember(handler: Handler) -> Handler:
            self.on("HEAD", route)(handler)
            return self.on("GET", route)(handler)

        return remember

    def post(self, route: str) -> Callable[[Handler], Handler]:
        """What answers `POST`."""
        return self.on("POST", route)

    def put(self, route: str) -> Callable[[Handler], Handler]:
        """What answers `PUT`."""
        return self.on("PUT", route)

    def patch(self, route: str) -> Callable[[Handler], Handler]:
        """What answers `PATCH`."""
        return self.on("PATCH", route)

    def delete(self, route: str) -> Callable[[Handler], Handler]:
        """What answers `DELETE`."""
        return self.on("DELETE", route)

    def init(self, prepare: Callable[[], None]) -> Callable[[], None]:
        """What prepares the maps of an app that is set for the first time."""
        self._init = prepare
        return prepare

    def migrate(self, bring: Callable[[str], None]) -> Callable[[str], None]:
        """What brings the maps of an earlier version, which it is told, to this one's form."""
        self._migrate = bring
        return bring

    @property
    def has_lifecycle(self) -> bool:
        """Whether it has one of the two."""
        return self._init is not None or self._migrate is not None

    def handle(self, request: Request) -> Response:
        """Answers. A `Problem` that is raised is the answer; any other error ends the call, and is logged."""
        try:
            answer = self._handler(request)(request)
            return answer if isinstance(answer, Response) else Response.json(answer)
        except Problem as problem:
            return problem.response()
        except Exception as error:
            if log.admitted:
                log.error(_told(error))
            raise

    def run_init(self) -> None:
        """Prepares the maps."""
        if self._init is not None:
            self._init()

    def run_migrate(self, from_version: str) -> None:
        """Brings the maps from an earlier version."""
        if self._migrate is not None:
            self._migrate(from_version)

    def _handler(self, request: Request) -> Handler:
        methods = self._routes.get(request.route)
        if methods is None:
            raise Problem.not_found("the app has no such route")
        handler = methods.get(request.method)
        if handler is None:
            raise Problem(405, "method_not_allowed", "this route has no such method")
        return handler


def _told(error: Exception) -> str:
    """The error and where it came from. Not by `traceback`, which would open the source files."""
    lines = [f"{type(error).__name__}: {error}"]
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        lines.insert(1, f"  at {code.co_filename}:{at.tb_lineno} in {code.co_name}")
        at = at.tb_next
    return "\n".join(lines)
