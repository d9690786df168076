"""The guard's socket: newline-delimited JSON, one request a line, one answer a line; typed, with rights by peer."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from asterisk_ext.domain.errors import Problem, Refusal
from firewall.socket.firewall_verbs import FIREWALL_VERBS, FirewallRequest

log = logging.getLogger(__name__)

NOT_ALLOWED = Problem(
    "guard.not_allowed",
    403,
    "User id {uid} may not ask the guard for {verb!r}.",
    "Ask as root; the node's service may be named in the setting guard.node_service_uid.",
)
BAD_REQUEST = Problem(
    "guard.bad_request", 400, "The guard does not understand this request: {reason}.", "See firewall/socket/api.py."
)
TOO_WIDE = Problem(
    "guard.network_too_wide",
    422,
    "{network} is too wide to be one of the fleet's own addresses.",
    "Name networks of /24 (IPv6: /48) or smaller; wider ones go on the operator's never-ban list.",
)
LONGEST_REQUEST = 1 << 23
EVENTS_QUEUED = 1000
CALLERS_QUEUED = 1024
"""A caller beyond these is told EAGAIN by the kernel; asyncio's usual hundred is one console's page and a few more."""


class Status(msgspec.Struct, tag_field="verb", tag="status", forbid_unknown_fields=True):
    """Counts, the suspension, the place in the log."""


class Metrics(msgspec.Struct, tag_field="verb", tag="metrics", forbid_unknown_fields=True):
    """The same for a monitoring system, as Prometheus reads it; holds no address and no account."""


class ListBans(msgspec.Struct, tag_field="verb", tag="list", forbid_unknown_fields=True):
    """All bans in force."""


class ListSpared(msgspec.Struct, tag_field="verb", tag="spared", forbid_unknown_fields=True):
    """Who is slowed down at present, and whose ban was held back lately."""


class BanAddress(msgspec.Struct, tag_field="verb", tag="ban", forbid_unknown_fields=True):
    address: str
    seconds: float = 86400.0
    reason: str = ""
    origin: Literal["operator", "fleet"] = "operator"
    """``fleet``: on another node's word (``reason`` names it), which a protected address outweighs."""


class LiftBan(msgspec.Struct, tag_field="verb", tag="lift", forbid_unknown_fields=True):
    address: str


class Allow(msgspec.Struct, tag_field="verb", tag="allow", forbid_unknown_fields=True):
    """Put a network on the operator's never-ban list (``remove``: take it off)."""

    network: str
    note: str = ""
    remove: bool = False


class Explain(msgspec.Struct, tag_field="verb", tag="explain", forbid_unknown_fields=True):
    address: str


class Events(msgspec.Struct, tag_field="verb", tag="events", forbid_unknown_fields=True):
    """Everything that happens from now on, one object a line, until the caller hangs up."""


class Emergency(msgspec.Struct, tag_field="verb", tag="emergency", forbid_unknown_fields=True):
    """All addresses with an emergency call up; believed for ``seconds`` unless reported again."""

    addresses: list[str]
    seconds: float = 30.0


class Fleet(msgspec.Struct, tag_field="verb", tag="fleet", forbid_unknown_fields=True):
    """All addresses of fleet nodes, trunks, proxies and administrators: the derived never-ban list."""

    networks: list[str]


class Countries(msgspec.Struct, tag_field="verb", tag="countries", forbid_unknown_fields=True):
    """The country lists in use: their day, source and licence, and how long each is."""


class Country(msgspec.Struct, tag_field="verb", tag="country", forbid_unknown_fields=True):
    """One country's ranges, packed as in ``countries/pack.py``."""

    code: str


class TakeCountries(msgspec.Struct, tag_field="verb", tag="take_countries", forbid_unknown_fields=True):
    """Check the country lists on offer and make them those in use."""


class AcceptCountries(msgspec.Struct, tag_field="verb", tag="accept_countries", forbid_unknown_fields=True):
    """The same, though these countries' lists differ more than is believed."""

    codes: list[str]


Request = (
    Status | Metrics | ListBans | ListSpared | BanAddress | LiftBan | Allow | Explain | Events | Emergency | Fleet
    | Countries | Country | TakeCountries | AcceptCountries | FirewallRequest
)  # fmt: skip
NODE_SERVICE_VERBS = (
    *(Status, Metrics, ListBans, ListSpared, BanAddress, LiftBan, Explain, Events, Emergency, Fleet),
    *(Countries, Country, TakeCountries),
    *FIREWALL_VERBS,
)
"""All but what weakens the operator's own never-ban list, derived rules or default deny, or takes country lists that
are not believed."""

Answer = Callable[[Request, int], object]
"""Answers a request of a user id; returns the answer, or an awaitable of it."""


class Stream:
    """Hands every event to every caller who listens; one who does not keep up loses his connection, not the guard."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes | None]] = set()

    def publish(self, kind: str, details: Mapping[str, object]) -> None:
        line = msgspec.json.encode({"event": kind, **details}) + b"\n"
        for queue in list(self._queues):
            try:
                queue.put_nowait(line)
            except asyncio.QueueFull:
                self._queues.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    async def send_to(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(EVENTS_QUEUED)
        self._queues.add(queue)
        hangup = asyncio.create_task(reader.read(1))
        try:
            writer.write(b'{"ok":true,"result":"listening"}\n')
            while not hangup.done():
                waiting = asyncio.create_task(queue.get())
                await asyncio.wait({waiting, hangup}, return_when=asyncio.FIRST_COMPLETED)
                if not waiting.done():
                    waiting.cancel()
                    return
                line = waiting.result()
                if line is None:
                    return
                writer.write(line)
                await writer.drain()
        finally:
            hangup.cancel()
            self._queues.discard(queue)


class SocketApi:
    """Serves ``answer`` on a Unix socket. Root may ask anything, ``node_service_uid`` its verbs, nobody else."""

    def __init__(self, path: Path, node_service_uid: int, answer: Answer, stream: Stream) -> None:
        self._path = path
        self._node_service_uid = node_service_uid
        self._answer = answer
        self._stream = stream
        self._decoder = msgspec.json.Decoder(Request)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(
            self._serve, self._path, limit=LONGEST_REQUEST, backlog=CALLERS_QUEUED
        )
        # Who may ask is decided by the peer's credentials, which a file mode cannot express for two users.
        self._path.chmod(0o666)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = peer_uid(writer.get_extra_info("socket"))
        try:
            while line := await reader.readline():
                try:
                    request = self._read(line, uid)
                    if isinstance(request, Events):
                        await self._stream.send_to(writer, reader)
                        return
                    result = self._answer(request, uid)
                    if inspect.isawaitable(result):
                        result = await result
                    reply: object = {"ok": True, "result": result}
                except Refusal as refusal:
                    reply = refused(refusal)
                writer.write(msgspec.json.encode(reply, enc_hook=str) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.LimitOverrunError):
            log.info("a caller of the guard's socket (uid %d) was cut off", uid)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _read(self, line: bytes, uid: int) -> Request:
        if uid != 0 and uid != self._node_service_uid:
            raise NOT_ALLOWED.refuse(uid=uid, verb="anything")
        try:
            request: Request = self._decoder.decode(line)
        except msgspec.DecodeError as error:
            raise BAD_REQUEST.refuse(reason=error) from error
        if uid != 0 and not isinstance(request, NODE_SERVICE_VERBS):
            raise NOT_ALLOWED.refuse(uid=uid, verb=type(request).__struct_config__.tag)
        return request


def refused(refusal: Refusal) -> dict[str, object]:
    return {
        "ok": False,
        "error_id": refusal.error_id,
        "status": refusal.problem.status,
        "what": refusal.problem.what,
        "remedy": refusal.problem.remedy,
        "field": refusal.field,
        "params": refusal.params,
    }


def peer_uid(peer: socket.socket) -> int:
    """Who is at the other end, by the kernel's word (``SO_PEERCRED``, unix(7))."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])
