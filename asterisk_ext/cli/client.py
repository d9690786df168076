"""The command line's way to the node service: its API over a Unix socket, where root needs no password.

By the standard library: to load a client for the web takes longer than all the rest of a command.
"""

from __future__ import annotations

import socket as sockets
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec

from asterisk_ext.domain.errors import Problem, Refusal

NOT_RUNNING = Problem(
    "node.not_running",
    503,
    "The node service does not answer on {socket}; nothing was changed.",
    "Start it (asterisk-ext node run), or run this as root on a node.",
)
UNANSWERED = Problem(
    "node.unanswered",
    503,
    "The node service took the request on {socket} and ended without an answer; it is not known whether it was done.",
    "Look at what is true now before trying again.",
)
PATIENCE_SECONDS = 300.0
"""Without a byte: a big import takes minutes."""


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("node", timeout=PATIENCE_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = sockets.socket(sockets.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(socket: str, method: str, path: str, body: object = None, data: bytes | None = None) -> Any:
    """One request to ``/api/v1``; the decoded answer, an audio's bytes, or the refusal that the API gave."""
    sent, headers = data, {}
    if body is not None:
        sent, headers = msgspec.json.encode(body), {"Content-Type": "application/json"}
    with closing(_UnixConnection(socket)) as connection:
        try:
            connection.connect()
        except OSError as error:
            raise NOT_RUNNING.refuse(socket=socket) from error
        try:
            connection.request(method, f"/api/v1/{path}", sent, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            raise UNANSWERED.refuse(socket=socket) from error
    if response.headers.get_content_maintype() == "audio":
        return answer
    told = msgspec.json.decode(answer) if answer else None
    if response.status >= 400:
        raise _refusal(told or {}, response.status)
    return told


def _refusal(details: dict[str, Any], status: int) -> Refusal:
    """The API's problem details as the refusal they came from."""
    what = str(details.get("detail") or details.get("title") or f"HTTP {status}")
    remedy = str(details.get("remedy") or "")
    problem = Problem(str(details.get("error_id") or "api.error"), status, "{what}", "{remedy}")
    return problem.refuse(details.get("field") or None, what=what, remedy=remedy)
