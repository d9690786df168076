"""Sessions of the console: kept here, known to the browser by an opaque random cookie only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

COOKIE = "asterisk_ext_session"
LIFE = 12 * 3600.0
"""Seconds after which a session ends, used or not."""
IDLE = 2 * 3600.0
"""Seconds without a request after which it ends."""
MOST = 2_000
STRIP_LIFE = 600.0
"""Seconds for which the strip of the last act stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The last act, said at the bottom, with the way back."""

    said: str
    """Message id, with ``{places}`` and ``**bold**``."""
    params: Mapping[str, object]
    at: float
    undo: str = ""
    """Message id of the button; empty where there is no way back."""
    action: str = ""
    """Path that the button posts to."""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    user: str
    csrf: str
    started: float
    seen: float
    strip: Strip | None = None


class Sessions:
    """Open sessions by the hash of their cookie, so that a memory dump of keys opens nothing."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def start(self, user: str, now: float) -> str:
        """A new session; returns the cookie's value."""
        self._end_old(now)
        token = secrets.token_urlsafe(32)
        self._open[_hashed(token)] = Session(user, secrets.token_urlsafe(32), now, now)
        return token

    def find(self, token: str, now: float, *, touch: bool = True) -> Session | None:
        """The session of a cookie; ``touch`` counts this as use."""
        session = self._open.get(_hashed(token))
        if session is None:
            return None
        if now - session.started > LIFE or now - session.seen > IDLE:
            del self._open[_hashed(token)]
            return None
        if touch:
            session.seen = now
        return session

    def end(self, token: str) -> None:
        self._open.pop(_hashed(token), None)

    def _end_old(self, now: float) -> None:
        self._open = {
            key: session
            for key, session in self._open.items()
            if now - session.started <= LIFE and now - session.seen <= IDLE
        }
        while len(self._open) >= MOST:
            del self._open[min(self._open, key=lambda key: self._open[key].seen)]


def set_cookie(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Hand the session to the browser; over TLS it never leaves without it."""
    response.set_cookie(
        COOKIE, token, max_age=int(LIFE), httponly=True, secure=request.secure, samesite="Strict", path="/"
    )


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
