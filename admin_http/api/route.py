"""A route of the API, declared once: from it come what aiohttp serves and what the OpenAPI document says.

A handler is an ordinary function. Its parameters say what it takes: ``services`` and ``actor``, the path's places by
name, ``query`` and ``body`` by type; its return type is the answer's.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import msgspec
from aiohttp import web

from admin_http.identity import actor_of
from admin_http.keys import SERVICES
from admin_http.problems import INVALID
from asterisk_ext.domain.access import Act
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.services.tenant_file import unknown

ROOT = "/api/v1"

ApiHandler = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: str
    path: str
    """Below ``/api/v1``, with aiohttp's ``{places}``."""
    handle: ApiHandler
    summary: str
    act: Act | None = None
    """What the actor must be allowed to do; None for what anybody logged in may."""
    problems: tuple[Problem, ...] = ()
    status: int = 200
    public: bool = False
    events: bool = False
    """The handler answers by itself with a stream of server-sent events of its answer type."""
    media: str = "application/json"
    """What the answer is; bytes are sent as they are."""
    takes: Any | None = None
    """Type of a body that the handler reads by itself."""
    hints: Mapping[str, Any] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hints", typing.get_type_hints(self.handle))
        taken = set(inspect.signature(self.handle).parameters)
        if missing := set(self.places) - taken:
            raise TypeError(f"{self.method} {self.path}: the handler does not take {missing}")

    @property
    def places(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def body(self) -> Any | None:
        return self.hints.get("body")

    @property
    def sent(self) -> Any | None:
        """Type of the request's body, decoded here or by the handler."""
        return self.body or self.takes

    @property
    def query(self) -> Any | None:
        return self.hints.get("query")

    @property
    def answer(self) -> Any | None:
        kind = self.hints.get("return")
        return None if kind is type(None) or kind is None else kind

    @property
    def area(self) -> str:
        return self.path.split("/")[1]

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Decode and check what was sent, call the handler, encode what it returns."""
        arguments = await self._arguments(request)
        result = await self.handle(**arguments)
        if isinstance(result, web.StreamResponse):
            return result
        if self.answer is None:
            return web.Response(status=204)
        if isinstance(result, bytes):
            return web.Response(status=self.status, body=result, content_type=self.media)
        return web.Response(
            status=self.status, body=msgspec.json.encode(result, enc_hook=str), content_type="application/json"
        )

    async def _arguments(self, request: web.Request) -> dict[str, object]:
        arguments: dict[str, object] = {}
        if not self.public:
            arguments["actor"] = actor_of(request)
        arguments["services"] = request.app[SERVICES]
        arguments["request"] = request
        for place in self.places:
            arguments[place] = _converted(request.match_info[place], self.hints[place], place)
        if self.query is not None:
            arguments["query"] = _converted(dict(request.query), self.query, "")
        if self.body is not None:
            arguments["body"] = _decoded(await request.read(), self.body)
        return {name: value for name, value in arguments.items() if name in self.hints}


def _converted(value: object, kind: Any, name: str) -> object:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, name) from error


def _decoded(data: bytes, kind: Any) -> object:
    try:
        if is_dataclass(kind):
            raw = msgspec.json.decode(data or b"{}")
            for surplus in unknown(raw, kind, ""):
                raise INVALID.refuse(field=surplus.strip("."), reason=f"there is no field {surplus.strip('.')}")
        return msgspec.json.decode(data or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise invalid(error, "") from error
    except msgspec.DecodeError as error:
        raise INVALID.refuse(reason=error) from error


def invalid(error: msgspec.ValidationError, name: str) -> Refusal:
    """The refusal of what does not fit its type; the field is where msgspec says it is."""
    reason, _, place = str(error).partition(" - at `$")
    return INVALID.refuse(field=place.strip("`.") or name, reason=reason)
