"""A registry that lets one in and says nothing: whoever asks is told so in time, keeps what he has, and asks again."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from asterisk_ext.composition.succession import Succession
from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.domain.join import Token
from asterisk_ext.domain.registry_life import Life
from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.peer import HttpPeers
from asterisk_ext.peer.link import PeerLink
from asterisk_ext.ports import SILENT, UNREACHABLE, UNSURE, Registry
from asterisk_ext.registry import etcd_watch, remote, wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.etcd import EtcdRegistry
from asterisk_ext.registry.etcd_link import OPTIONS, Link, Presented
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.registry.served import application
from asterisk_ext.registry.switch import Switch
from asterisk_ext.services import registry_life
from asterisk_ext.services.records import LIFE, encode
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from asterisk_ext.trust import cluster as trust
from asterisk_ext.trust import door, identity, seat
from asterisk_ext.trust.authority import Authority, authority_at
from tests.contract.test_etcd_rights import presented
from tests.contract.test_registry import PATIENT
from tests.etcd_servers import cluster
from tests.silence import Cable, mute

SHORT = aiohttp.ClientTimeout(total=0.3)
HANGS = 60.0
"""Seconds after which nobody may wait still."""


@dataclass
class Ground:
    """The fleet's authority, and a server's certificate of it at 127.0.0.1."""

    authority: Authority
    context: ssl.SSLContext
    shown: Presented

    @property
    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority.pem)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    place, now = tmp_path_factory.mktemp("silent"), time.time()
    authority = authority_at(place / "authority", now)
    trust.furnish(authority, ["127.0.0.1"], place / "server", now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server/etcd.crt", place / "server/etcd.key")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return Ground(authority, context, presented(authority, "node1", now))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody's patience cut short, not taken away."""
    for name in ("PATIENCE", "CARRYING"):
        monkeypatch.setattr(remote, name, SHORT)
    monkeypatch.setattr(remote, "WATCHING", aiohttp.ClientTimeout(total=None, connect=0.3, sock_read=0.3))
    monkeypatch.setattr(etcd_watch, "OPENING", 0.3)
    for asking in (door, seat):
        monkeypatch.setattr(asking, "PATIENCE", SHORT)


@pytest.fixture(params=["after TCP", "instead of TLS", "after TLS"])
async def silent_port(request: pytest.FixtureRequest, ground: Ground) -> AsyncIterator[tuple[str, int]]:
    """Where a server is silent, and by which scheme one asks it."""
    async with mute(ground.context if request.param == "after TLS" else None) as port:
        yield ("http" if request.param == "after TCP" else "https", port)


@pytest.fixture(params=["embedded", "etcd"])
async def silent(
    request: pytest.FixtureRequest, silent_port: tuple[str, int], ground: Ground
) -> AsyncIterator[Registry]:
    scheme, port = silent_port
    url = f"{scheme}://127.0.0.1:{port}"
    engine: RemoteRegistry | EtcdRegistry
    if request.param == "embedded":
        engine = RemoteRegistry(url, ground.trusting)
    else:
        engine = _silent_cluster(scheme, port, ground)
    yield engine
    await engine.close()


def _silent_cluster(scheme: str, port: int, ground: Ground) -> EtcdRegistry:
    return EtcdRegistry(Link([f"{scheme}://127.0.0.1:{port}"], lambda: ground.shown, 0.3), time.time)


async def refusal_of(work: Awaitable[object]) -> Problem:
    async with asyncio.timeout(HANGS):
        with pytest.raises(Refusal) as refusal:
            await work
    return refusal.value.problem


async def refusals_of(work: Iterable[Awaitable[object]]) -> list[Problem]:
    return await asyncio.gather(*map(refusal_of, work))


async def test_whoever_asks_a_silent_registry_is_refused_and_whoever_writes_is_not_told_that_it_was_done(
    silent: Registry,
) -> None:
    questions: tuple[Awaitable[object], ...] = (
        silent.get("pbx/1"),
        silent.snapshot(""),
        anext(silent.watch("", 0)),
        silent.beats(),
        silent.blobs(),
        silent.get_blob("0" * 64),
    )
    assert await refusals_of(questions) == [UNREACHABLE] * len(questions)
    writes: tuple[Awaitable[object], ...] = (
        silent.create("pbx/1", b"a"),
        silent.compare_and_set("pbx/1", b"a", 1),
        silent.delete("pbx/1", 1),
        silent.beat("node1", 6.0, b"well"),
        silent.put_blob(b"audio"),
    )
    assert {*await refusals_of(writes)} <= {UNREACHABLE, UNSURE}


@pytest.mark.parametrize(
    "first",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{"items":[',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n",
    ],
    ids=["with its length", "in pieces"],
)
async def test_a_replay_that_stops_in_the_middle_is_refused(first: bytes) -> None:
    async with mute(first=first) as port:
        registry = RemoteRegistry(f"http://127.0.0.1:{port}")
        for question in (registry.snapshot(""), _all(registry.watch("", 0))):
            assert await refusal_of(question) is UNREACHABLE
        await registry.close()


async def _all(changes: AsyncIterator[object]) -> None:
    async for _ in changes:
        pass


@pytest.mark.parametrize("engine", ["embedded", "etcd"])
async def test_a_copy_whose_registry_falls_silent_keeps_what_it_has_and_catches_up_by_itself(
    tmp_path: Path, aiohttp_server: AiohttpServer, engine: str
) -> None:
    async with AsyncExitStack() as stack:
        own: EmbeddedRegistry | EtcdRegistry
        through: Callable[[int], RemoteRegistry | EtcdRegistry]
        if engine == "embedded":
            own = EmbeddedRegistry(tmp_path / "registry.sqlite", time.time)
            root = web.Application()
            root.add_subapp(wire.PREFIX, application(own, lambda request: "node1", lambda: ["node1"]))
            port, through = int((await aiohttp_server(root)).port or 0), _remote
        else:
            servers = stack.enter_context(cluster(tmp_path, 1))
            own = EtcdRegistry(Link(servers.endpoints, None, PATIENT), time.time)
            port, through = int(servers.endpoints[0].rpartition(":")[2]), _etcd
        stack.push_async_callback(own.close)
        cable = await stack.enter_async_context(Cable(port))
        far = through(cable.port)
        stack.push_async_callback(far.close)
        copy = LocalCopy(tmp_path / "copy.sqlite3", time.time)
        stack.callback(copy.close)
        tasks = await stack.enter_async_context(Tasks())
        await own.create(LIFE, encode(Life(1, "one")))
        tasks.keep("copy", lambda: copy.follow(far), pause=0.05)
        async with asyncio.timeout(HANGS):
            await copy.after((await own.create("pbx/1", b"a")) - 1)
            cable.cut()
            await own.create("pbx/2", b"b")
            assert await refusal_of(far.get("pbx/2")) is UNREACHABLE
            assert (copy.item("pbx/1") is not None, copy.item("pbx/2")) == (True, None)
            cable.mend()
            await copy.after((await own.create("pbx/3", b"c")) - 1)
        assert [item.key for item in copy.items("pbx/")] == ["pbx/1", "pbx/2", "pbx/3"]


def _remote(port: int) -> RemoteRegistry:
    return RemoteRegistry(f"http://127.0.0.1:{port}")


def _etcd(port: int) -> EtcdRegistry:
    quick = {"grpc.keepalive_time_ms": 500, "grpc.keepalive_timeout_ms": 500}
    options = [*dict(OPTIONS, **quick).items()]
    return EtcdRegistry(Link([f"http://127.0.0.1:{port}"], None, 0.5, options), time.time)


async def test_a_console_finds_a_silent_registrys_server_dead_and_asks_it_nothing_else(
    silent_port: tuple[str, int], ground: Ground, tmp_path: Path
) -> None:
    scheme, port = silent_port
    registry = Switch(RemoteRegistry(f"{scheme}://127.0.0.1:{port}", ground.trusting))
    place, shown = tmp_path / "identity", ground.shown
    identity.keep(place, shown.key, shown.certificate.decode(), ground.authority.pem, None)
    copy, own = LocalCopy(tmp_path / "copy.sqlite3", time.time), identity.Identity(place)
    async with asyncio.timeout(HANGS):
        assert not await Succession("node2", own, registry, copy, time.time, tmp_path).answers()
        assert await seat.asked(_server(port), ground.trusting) is None
        assert not await seat.told(_server(port), ground.trusting, seat.Seat("node2", 2, "two"))
    copy.close()
    await registry.close()


async def test_who_joins_or_renews_at_a_silent_server_is_told_that_it_is_not_reached(
    silent_port: tuple[str, int], ground: Ground
) -> None:
    url, request = f"https://127.0.0.1:{silent_port[1]}", identity.request_for("node4")
    token = Token(server="node4", url=url, keeper="127.0.0.1", fingerprint="0" * 64, secret="s")
    assert await refusal_of(door.knock(token, request)) is UNREACHABLE
    assert await refusal_of(door.renewed(identity.Home(url, "127.0.0.1"), ground.trusting, request)) is UNREACHABLE


async def test_a_silent_node_stands_apart_as_such(silent_port: tuple[str, int], ground: Ground) -> None:
    link = PeerLink(ground.trusting)
    assert await refusal_of(HttpPeers(link).calls(_server(silent_port[1]))) is SILENT
    await link.close()


def _server(port: int) -> Server:
    return Server(id=1, name="127.0.0.1", technology=Technology.NODE, ip="127.0.0.1", fleet_port=port)


async def test_a_registry_is_not_moved_to_a_silent_cluster_and_goes_on(
    silent_port: tuple[str, int], ground: Ground, tmp_path: Path
) -> None:
    source = EmbeddedRegistry(tmp_path / "registry.sqlite3", time.time)
    scheme, port = silent_port
    destination = _silent_cluster(scheme, port, ground)
    if scheme == "https":
        assert await refusal_of(destination.admit("node1", (), ())) is UNREACHABLE
    assert await refusal_of(registry_life.move(source, destination, "etcd")) is UNREACHABLE
    await source.create("pbx/1", b"a")
    await destination.close()
    await source.close()
