"""What the build puts between an app and its host. It is imported in a component alone."""

from __future__ import annotations

import random as python_random
from typing import Any

from componentize_py_types import Err
from wit_world.imports import http

from .app import App
from .request import Request
from .response import Response


def refuse_python_random() -> None:
    """Python's generator is seeded while the component is built, so each call would draw the same."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("`random` would draw the same in every call: take `synod_app.random`")

    for name, own in vars(python_random).items():
        if getattr(own, "__self__", None) is python_random._inst:
            setattr(python_random, name, refuse)


def handler(app: App) -> type:
    """The class that the host's `handle` is a method of."""

    class Handler:
        def handle(self, request: http.Request) -> http.Response:
            return _lowered(app.handle(_lifted(request)))

    return Handler


def lifecycle(app: App) -> type:
    """The class that the host's `init` and `migrate` are methods of."""

    class Lifecycle:
        def init(self) -> None:
            _reasoned(app.run_init)

        def migrate(self, from_version: str) -> None:
            _reasoned(app.run_migrate, from_version)

    return Lifecycle


def _reasoned(step: Any, *arguments: Any) -> None:
    try:
        step(*arguments)
    except Exception as error:
        raise Err(f"{type(error).__name__}: {error}") from error


def _lifted(request: http.Request) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        query_string=request.query or "",
        route=request.route,
        params={param.name: param.value for param in request.params},
        headers=[(header.name, header.value) for header in request.headers],
        body=request.body,
    )


def _lowered(response: Response) -> http.Response:
    headers = [http.Field(name, value) for name, value in response.headers]
    return http.Response(response.status, headers, response.body)
