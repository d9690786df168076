"""Machines join by a token and real TLS, are let in by their certificates, and are shut out when they are removed."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from asterisk_ext.domain import join
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.ports import STRANGER, UNREACHABLE
from asterisk_ext.registry import served, wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.joining import Admitting, Joining
from asterisk_ext.services.servers import Servers
from asterisk_ext.store import LocalCopy
from asterisk_ext.tasks import Tasks
from asterisk_ext.trust import door, identity
from asterisk_ext.trust.admission import Admission
from asterisk_ext.trust.authority import LIFE, authority_at


@dataclass
class Keeper:
    """The server that keeps the registry and the authority, listening with TLS at a port of 127.0.0.1."""

    place: Path
    now: float = field(default_factory=time.time)
    url: str = ""

    async def open(self, tasks: Tasks) -> None:
        self.authority = authority_at(self.place / "authority", self.now)
        self.registry = EmbeddedRegistry(self.place / "registry.sqlite3", self.clock)
        self.copy = LocalCopy(self.place / "copy.sqlite3", self.clock)
        audit = Audit(self.registry, self.copy, self.clock)
        own = identity.request_for("node1")
        signing = door.Signing(self.authority, self.clock)
        pem, _ = signing.sign(own.text, "node1", "127.0.0.1")
        identity.keep(self.place / "identity", own.key, pem, self.authority.pem, None)
        self.identity = identity.Identity(self.place / "identity")
        admission = Admission(self.copy)
        self.app = web.Application()
        self.app.add_subapp(wire.PREFIX, served.application(self.registry, admission.peer_of, tuple))
        admitting = Admitting(self.registry, self.copy, signing, self.clock)
        self.app.add_subapp(door.PREFIX, door.application(admitting, self.authority.pem, admission.peer_of))
        self.runner = web.AppRunner(self.app, shutdown_timeout=0.1)
        await self.runner.setup()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        await web.TCPSite(self.runner, "127.0.0.1", port, ssl_context=self.identity.serving).start()
        self.url = f"https://127.0.0.1:{port}"
        where = door.Door("node1", self.url, port, identity.fingerprint(self.authority.pem))
        self.joining = Joining(self.registry, self.copy, audit, where, self.clock)
        self.servers = Servers(self.registry, self.copy, audit, self.clock)
        tasks.keep("copy", lambda: self.copy.follow(self.registry))
        tasks.keep("removed nodes", admission.run)

    async def close(self) -> None:
        await self.runner.cleanup()
        self.copy.close()
        await self.registry.close()

    def clock(self) -> float:
        return self.now

    async def add(self, name: str, id: int = 2) -> str:
        await self.servers.add(ROOT, Server(id=id, name=name, technology=Technology.NODE, ip="127.0.0.1"))
        return await self.joining.issue(ROOT, name)

    async def joined(self, text: str, name: str, place: Path) -> identity.Identity:
        """As `asterisk-ext node join` does."""
        token = door.token_of(text, name)
        request = identity.request_for(name)
        certificate, authority = await door.knock(token, request)
        identity.keep(place, request.key, certificate, authority, identity.Home(token.url, token.keeper))
        return identity.Identity(place)

    def reached_by(self, node: identity.Identity) -> RemoteRegistry:
        return RemoteRegistry(self.url, node.asking, "node1")


@asynccontextmanager
async def console_of(node: identity.Identity, copy: LocalCopy, tasks: Tasks) -> AsyncIterator[int]:
    """The port of a node that tells the others its calls, and streams them."""
    admission, app = Admission(copy), web.Application()

    async def calls(request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if admission.peer_of(request) else 401)

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=200 if admission.peer_of(request) else 401)
        await answer.prepare(request)
        await asyncio.Event().wait()
        return answer

    app.add_routes([web.get("/calls", calls), web.get("/calls/stream", stream)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=node.serving).start()
    tasks.keep("removed nodes", admission.run)
    yield int(runner.addresses[0][1])
    await runner.cleanup()


async def connect(port: int, context: ssl.SSLContext, path: str, expect: bytes = b"200") -> asyncio.StreamReader:
    """A connection kept open after an answer's head was read."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="node2", limit=1024 * 1024
    )
    writer.write(f"GET {path} HTTP/1.1\r\nHost: node2\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    assert expect in head.split(b"\r\n")[0]
    return reader


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    (tmp_path / "keeper").mkdir()
    made = Keeper(tmp_path / "keeper")
    async with Tasks() as tasks:
        await made.open(tasks)
        yield made
    await made.close()


async def test_who_has_joined_reads_and_writes_the_registry_over_mutual_tls(keeper: Keeper, tmp_path: Path) -> None:
    node = await keeper.joined(await keeper.add("node2"), "node2", tmp_path / "node2")
    registry = keeper.reached_by(node)
    await registry.create("firewall/draft/node2", b"{}")
    assert await registry.get("firewall/draft/node2") is not None
    await registry.close()


async def test_without_a_certificate_of_the_fleet_nothing_is_told(keeper: Keeper, tmp_path: Path) -> None:
    other = authority_at(tmp_path / "other", keeper.now)
    request = identity.request_for("node2")
    forged = other.sign(request.text, "node2", "127.0.0.1", keeper.now)
    identity.keep(tmp_path / "forged", request.key, forged.pem, keeper.authority.pem, None)
    for stranger, problem in (
        (RemoteRegistry(keeper.url, False), STRANGER),
        (keeper.reached_by(identity.Identity(tmp_path / "forged")), UNREACHABLE),
    ):
        with pytest.raises(Refusal) as refusal:
            await stranger.snapshot("")
        assert refusal.value.problem is problem
        await stranger.close()


async def test_a_removed_node_is_shut_out_at_once_and_its_open_stream_ends(keeper: Keeper, tmp_path: Path) -> None:
    node = await keeper.joined(await keeper.add("node2"), "node2", tmp_path / "node2")
    registry = keeper.reached_by(node)
    watching = asyncio.ensure_future(anext(registry.watch("nothing/", (await registry.snapshot(""))[1])))
    await registry.get("server/node2")
    assert not watching.done()
    await keeper.servers.remove(ROOT, "node2")
    with pytest.raises((Refusal, StopAsyncIteration)):
        await asyncio.wait_for(watching, 5)
    with pytest.raises(Refusal) as refusal:
        await registry.get("server/node2")
    assert refusal.value.problem is STRANGER
    await registry.close()


async def test_a_removed_node_is_shut_out_of_every_other_node_and_what_it_had_open_there_is_cut(
    keeper: Keeper, tmp_path: Path
) -> None:
    other = await keeper.joined(await keeper.add("node2"), "node2", tmp_path / "node2")
    removed = await keeper.joined(await keeper.add("node3", id=3), "node3", tmp_path / "node3")
    registry = keeper.reached_by(other)
    with closing(LocalCopy(tmp_path / "copy.sqlite3", keeper.clock)) as copy:
        async with Tasks() as tasks, console_of(other, copy, tasks) as port:
            tasks.keep("copy", lambda: copy.follow(registry), pause=0.05)
            await copy.after(keeper.copy.revision - 1)
            streaming, idle = [await connect(port, removed.asking, path) for path in ("/calls/stream", "/calls")]
            assert not streaming.at_eof() and not idle.at_eof()
            await keeper.servers.remove(ROOT, "node3")
            for reader in (streaming, idle):
                with suppress(ConnectionError):
                    assert await asyncio.wait_for(reader.read(), 20) == b""
            again = await connect(port, removed.asking, "/calls", expect=b"401")
            assert not again.at_eof()
    await registry.close()


async def test_a_removed_nodes_certificate_is_void_for_a_new_record_of_its_name(keeper: Keeper, tmp_path: Path) -> None:
    stolen = await keeper.joined(await keeper.add("node2"), "node2", tmp_path / "stolen")
    await keeper.servers.remove(ROOT, "node2")
    fresh = await keeper.joined(await keeper.add("node2"), "node2", tmp_path / "fresh")
    old, new = keeper.reached_by(stolen), keeper.reached_by(fresh)
    assert await new.get("server/node2") is not None
    with pytest.raises(Refusal):
        await old.get("server/node2")
    await old.close()
    await new.close()


async def test_a_token_is_good_once(keeper: Keeper, tmp_path: Path) -> None:
    token = await keeper.add("node2")
    await keeper.joined(token, "node2", tmp_path / "node2")
    with pytest.raises(Refusal) as refusal:
        await keeper.joined(token, "node2", tmp_path / "thief")
    assert refusal.value.problem is join.REFUSED
    assert not (tmp_path / "thief").exists()


async def test_a_token_is_void_after_an_hour_after_another_and_without_its_record(
    keeper: Keeper, tmp_path: Path
) -> None:
    first = await keeper.add("node2")
    second = await keeper.joining.issue(ROOT, "node2")
    third = await keeper.add("node3", id=3)
    await keeper.servers.remove(ROOT, "node3")
    keeper.now += join.VALID_FOR
    for text, name in ((first, "node2"), (second, "node2"), (third, "node3")):
        with pytest.raises(Refusal) as refusal:
            await keeper.joined(text, name, tmp_path / "late")
        assert refusal.value.problem is join.REFUSED


async def test_a_token_is_for_the_machine_of_its_name_only(keeper: Keeper, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        await keeper.joined(await keeper.add("node2"), "node3", tmp_path / "node3")
    assert refusal.value.problem is join.OTHER_NAME


async def test_nothing_is_sent_to_who_is_not_the_tokens_authority(keeper: Keeper, tmp_path: Path) -> None:
    text = await keeper.add("node2")
    token = join.read(text)
    with pytest.raises(Refusal) as refusal:
        await keeper.joined(join.written(replace(token, fingerprint="0" * 64)), "node2", tmp_path / "node2")
    assert refusal.value.problem is join.STRANGER
    await keeper.joined(text, "node2", tmp_path / "node2")


@pytest.mark.parametrize("text", ["", "not a token", "e30", "WzFd", "é", "eyJ1cmwiOiAiaHR0cDovL3gifQ"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        join.read(text)
    assert refusal.value.problem is join.UNREADABLE


async def test_a_certificate_bears_the_records_name_whatever_the_machine_asked_for(
    keeper: Keeper, tmp_path: Path
) -> None:
    token = join.read(await keeper.add("node2"))
    certificate, _ = await door.knock(token, identity.request_for("node1"))
    subject = x509.load_pem_x509_certificate(certificate.encode()).subject
    assert subject.rfc4514_string() == "CN=node2"


async def test_a_certificate_is_renewed_by_itself_before_it_ends_and_taken_up_without_a_restart(
    keeper: Keeper, tmp_path: Path
) -> None:
    node = await keeper.joined(await keeper.add("node2"), "node2", tmp_path / "node2")
    assert not node.is_due(keeper.now)
    assert node.is_due(keeper.now + LIFE.total_seconds() * 0.7)
    before, home = node.pem, node.home
    assert home is not None
    request = identity.request_for("node2")
    node.renew(request.key, await door.renewed(home, node.asking, request))
    assert node.pem != before
    registry = keeper.reached_by(node)
    assert await registry.get("server/node2") is not None
    await registry.close()


async def test_what_is_no_request_for_a_certificate_is_not_signed(keeper: Keeper, tmp_path: Path) -> None:
    other_kind = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node2")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(other_kind, None)
    for request in ("", "garbage", csr.public_bytes(serialization.Encoding.PEM).decode()):
        with pytest.raises(Refusal) as refusal:
            keeper.authority.sign(request, "node2", "127.0.0.1", keeper.now)
        assert refusal.value.error_id == "join.bad_request"


async def test_no_token_is_issued_while_nobody_could_be_told_where_to_knock(keeper: Keeper) -> None:
    where = door.Door("node1", "", 8481, "0" * 64)
    joining = Joining(
        keeper.registry, keeper.copy, Audit(keeper.registry, keeper.copy, keeper.clock), where, keeper.clock
    )
    await keeper.servers.add(ROOT, Server(id=2, name="node2", technology=Technology.NODE, ip="127.0.0.1"))
    with pytest.raises(Refusal) as refusal:
        await joining.issue(ROOT, "node2")
    assert refusal.value.error_id == "join.no_address"


async def test_only_a_node_is_given_a_fresh_certificate(keeper: Keeper) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{keeper.url}{door.PREFIX}/renew", json={"request": "x"}, ssl=False) as response,
    ):
        assert response.status == door.NO_NODE.status
