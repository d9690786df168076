"""The way to an etcd cluster: every endpoint known, one in use, a deadline on every call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
from aetcd.rpc import rpc_pb2_grpc as stubs

from asterisk_ext.domain.errors import Problem
from asterisk_ext.ports import FULL, UNREACHABLE, UNSURE

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds that one endpoint has to answer a call; then the next is asked."""
ROUNDS = 2
"""How often each endpoint is asked before the registry counts as unreachable."""
CHANGES = 100
"""How often a call is repeated since the cluster's users were changed meanwhile; each time costs some milliseconds."""
OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),  # etcd ends connections that ping faster than every 5 s
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
Options = Sequence[tuple[str, int]]
HAS_LEADER = (("hasleader", "true"),)
"""Has a server that lost its leader refuse rather than be silent."""
BAD_ENDPOINT = Problem(
    "registry.bad_endpoint",
    500,
    "{endpoint!r} is no address of an etcd server.",
    "Give addresses such as https://198.18.1.1:2379.",
)
DENIED = Problem(
    "registry.denied",
    403,
    "Nothing was changed: the registry's cluster lets this server write only what is its own.",
    "Do it on a console of the fleet.",
)
_RIGHTS_CHANGED = "auth store is old"
"""etcd refuses what it was asked before its users were changed, and has done nothing of it."""
_NO_ROOM = "database space exceeded"
ELSEWHERE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
"""What an endpoint that is away or silent ends a call with: another may answer."""


@dataclass(frozen=True, slots=True)
class Presented:
    """PEM of the authority, and of our own certificate and key."""

    authority: bytes
    certificate: bytes
    key: bytes


class Link:
    """The channels to all ``endpoints``; the one that answered last is asked first.

    Each has ``patience`` seconds to answer a write and twice as long to answer a question.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        identity: Callable[[], Presented] | None,
        patience: float = PATIENCE,
        options: Options = OPTIONS,
    ) -> None:
        """``identity`` is asked again whenever an endpoint fails: certificates are renewed while this lives."""
        self.patience = patience
        self._endpoints = endpoints
        self._options = options
        self._identity = identity
        self._presented = identity() if identity else None
        self._channels = [_channel(endpoint, self._presented, options) for endpoint in endpoints]
        self._left: list[grpc.aio.Channel] = []
        self._current = 0

    async def close(self) -> None:
        for channel in (*self._channels, *self._left):
            await channel.close(grace=None)

    @property
    def is_known(self) -> bool:
        """Whether the cluster is shown a certificate, wherever it is asked."""
        return self._presented is not None and all(endpoint.startswith("https:") for endpoint in self._endpoints)

    @property
    def patient_rounds(self) -> int:
        return ROUNDS * len(self._channels)

    def kv(self) -> Any:
        return stubs.KVStub(self._channels[self._current])

    def watching(self) -> Any:
        return stubs.WatchStub(self._channels[self._current])

    def auth(self) -> Any:
        return stubs.AuthStub(self._channels[self._current])

    def each_server(self) -> list[Any]:
        """What each server of the cluster does for itself alone."""
        return [stubs.MaintenanceStub(channel) for channel in self._channels]

    def move_on(self) -> None:
        """Use the next endpoint from now on."""
        if self._identity and (fresh := self._identity()) != self._presented:
            self._presented, self._left = fresh, self._left + self._channels
            self._channels = [_channel(endpoint, fresh, self._options) for endpoint in self._endpoints]
        self._current = (self._current + 1) % len(self._channels)

    async def ask(self, call: Callable[[Any], Awaitable[T]], *, writes: bool = False) -> tuple[T, bool]:
        """The answer of the first endpoint that gives one, and whether an earlier one may have acted unheard.

        Refuses ``registry.denied``, ``registry.full``, ``registry.unreachable``, or ``registry.unsure`` where a write
        may have been made all the same.
        """
        unheard, rounds, changes = False, self.patient_rounds, CHANGES
        while rounds and changes:
            try:
                return await call(self.kv()), unheard
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                    raise DENIED.refuse() from error
                if _NO_ROOM in (error.details() or ""):
                    raise FULL.refuse() from error
                if _RIGHTS_CHANGED in (error.details() or ""):
                    changes -= 1
                    continue
                if error.code() not in ELSEWHERE and "leader" not in (error.details() or ""):
                    raise UNREACHABLE.refuse() from error
                unheard, rounds = unheard or writes, rounds - 1
                self.move_on()
        raise (UNSURE if unheard else UNREACHABLE).refuse()


def _channel(endpoint: str, identity: Presented | None, options: Options) -> grpc.aio.Channel:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise BAD_ENDPOINT.refuse(endpoint=endpoint)
    if parts.scheme == "http":
        return grpc.aio.insecure_channel(parts.netloc, options=options)
    credentials = grpc.ssl_channel_credentials(
        *((identity.authority, identity.key, identity.certificate) if identity else ())
    )
    return grpc.aio.secure_channel(parts.netloc, credentials, options=options)
