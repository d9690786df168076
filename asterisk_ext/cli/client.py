"""The command line's way to the node service: its API over a Unix socket, where root needs no password."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import aiohttp

from asterisk_ext.domain.errors import Problem, Refusal

NOT_RUNNING = Problem(
    "node.not_running",
    503,
    "The node service does not answer on {socket}; nothing was changed.",
    "Start it (asterisk-ext node run), or run this as root on a node.",
)


def ask(socket: str, method: str, path: str, body: object = None, data: bytes | None = None) -> Any:
    """One request to ``/api/v1``; the decoded answer, an audio's bytes, or the refusal that the API gave."""
    return asyncio.run(asked(socket, method, path, body, data))


async def asked(socket: str, method: str, path: str, body: object = None, data: bytes | None = None) -> Any:
    """As ``ask``, for who has an event loop already."""
    sent = io.BytesIO(data) if data else data
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(socket)) as session,
            session.request(method, f"http://node/api/v1/{path}", json=body, data=sent) as response,
        ):
            if response.content_type.startswith("audio/"):
                return await response.read()
            answer = await response.json(content_type=None) if response.content_length != 0 else None
            if response.status >= 400:
                raise _refusal(answer or {}, response.status)
            return answer
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise NOT_RUNNING.refuse(socket=socket) from error


def _refusal(details: dict[str, Any], status: int) -> Refusal:
    """The API's problem details as the refusal they came from."""
    what = str(details.get("detail") or details.get("title") or f"HTTP {status}")
    remedy = str(details.get("remedy") or "")
    problem = Problem(str(details.get("error_id") or "api.error"), status, "{what}", "{remedy}")
    return problem.refuse(details.get("field") or None, what=what, remedy=remedy)
