"""Trunks over TCP and TLS, and a phone in a browser over a WebSocket, on a real Asterisk."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from asterisk_ext.domain.pbx import Did, Route, Status, Trunk
from asterisk_ext.domain.pbx_rules import check
from tests.integration.one_asterisk.asterisk import CARRIER, NODE, PHONES, OneAsterisk
from tests.integration.one_asterisk.lines import Line, tenant
from tests.integration.stream_phone import StreamPhone, trusting

PORTS = {"TCP": 5060, "TLS": 5061}
"""Of Asterisk and of the carrier alike."""
BASE = tenant(1, Status.ACTIVE, "trunk14", "4831210114")
TENANT = replace(
    BASE,
    extensions=(*BASE.extensions[:1], replace(BASE.extensions[1], webrtc=True), *BASE.extensions[2:]),
    trunks=(
        Trunk(name="trunk14", host=CARRIER, port=PORTS["TCP"], transport="tcp"),
        Trunk(name="trunk15", host=CARRIER, port=PORTS["TLS"], transport="tls"),
        Trunk(name="trunk16", host=CARRIER, port=PORTS["TLS"], transport="tls", srtp=True),
    ),
    routes=(
        Route(pattern="48.", trunks=("trunk14",)),
        Route(pattern="11.", trunks=("trunk15",)),
        Route(pattern="21.", trunks=("trunk16",)),
    ),
    dids=(*BASE.dids, Did(number="4831210200", target="200")),
    emergency_trunks=("trunk15", "trunk14"),
)
NUMBERS = {"TCP": "4833334444", "TLS": "1133334444"}
TRANSPORTS = f"""[udp]
type = transport
protocol = udp
bind = {NODE}:5060
[tcp]
type = transport
protocol = tcp
bind = {NODE}:{PORTS["TCP"]}
[tls]
type = transport
protocol = tls
bind = {NODE}:{PORTS["TLS"]}
cert_file = /etc/asterisk/tls.crt
priv_key_file = /etc/asterisk/tls.key
method = tlsv1_2
[ws]
type = transport
protocol = ws
bind = {NODE}
"""


def make_certificate(place: Path) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", str(place / "tls.key"))
    words = ("openssl", "req", "-x509", *key, "-days", "2", "-subj", "/CN=carrier.example")
    subprocess.run([*words, "-out", str(place / "tls.crt")], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("certificates")
    make_certificate(place)
    return place


@pytest.fixture(scope="module")
def asterisk(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[OneAsterisk]:
    check(TENANT)
    one = OneAsterisk(tmp_path_factory.mktemp("asterisk"))
    one.more_files["pjsip.conf"] = TRANSPORTS
    for name in ("tls.crt", "tls.key"):
        one.more_files[name] = (certificates / name).read_text()
    try:
        one.start([TENANT])
        yield one
    finally:
        one.stop()


@pytest.fixture
async def line(asterisk: OneAsterisk) -> AsyncIterator[Line]:
    opened = Line(asterisk)
    yield opened
    await opened.close()


@pytest.fixture(params=PORTS)
async def carrier(
    request: pytest.FixtureRequest, asterisk: OneAsterisk, certificates: Path
) -> AsyncIterator[StreamPhone]:
    """One that listens and answers over TCP or TLS."""
    via = str(request.param)
    made = StreamPhone((NODE, PORTS[via]), CARRIER, PORTS[via], "4899990000", "", via)
    context = None
    if via == "TLS":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "tls.crt", certificates / "tls.key")

    def bind() -> socket.socket:
        return socket.create_server((CARRIER, PORTS[via]))

    made.listen(await asyncio.start_server(made.use, sock=asterisk.in_network(bind), ssl=context))
    yield made
    made.close()


async def test_a_call_leaves_over_the_trunks_transport(asterisk: OneAsterisk, line: Line, carrier: StreamPhone) -> None:
    number = NUMBERS[carrier.via]
    heard = await (await line.phone("1_200")).call(number, talk=0.1)
    assert heard.final == 200
    (call,) = carrier.calls
    assert call.first.startswith(f"INVITE sip:{number}@")
    assert call.get("Via").startswith(f"SIP/2.0/{carrier.via} ")


async def test_a_trunk_with_encrypted_audio_offers_its_keys_and_nothing_else(
    asterisk: OneAsterisk, line: Line, carrier: StreamPhone
) -> None:
    if carrier.via == "TLS":
        carrier.answer = 486
        assert (await (await line.phone("1_200")).call("2133334444")).final == 486
        (call,) = carrier.calls
        assert "RTP/SAVP " in call.body
        assert "a=crypto:1 " in call.body


async def test_an_emergency_leaves_over_the_first_emergency_trunk_that_answers(
    asterisk: OneAsterisk, line: Line, carrier: StreamPhone
) -> None:
    assert (await (await line.phone("1_200")).call("190", talk=0.1, wait=20)).final == 200
    assert [call.first.split("@")[0] for call in carrier.calls] == ["INVITE sip:190"]


async def test_a_call_comes_in_over_the_trunks_transport(
    asterisk: OneAsterisk, line: Line, carrier: StreamPhone
) -> None:
    called = await line.phone("1_200")

    def connect() -> socket.socket:
        return socket.create_connection((NODE, PORTS[carrier.via]), source_address=(CARRIER, 0))

    context = trusting() if carrier.via == "TLS" else None
    name = "node.example" if context else None
    carrier.use(*await asyncio.open_connection(sock=asterisk.in_network(connect), ssl=context, server_hostname=name))
    assert (await carrier.call("4831210200", talk=0.1)).final == 200
    assert len(called.calls) == 1


@asynccontextmanager
async def browser(asterisk: OneAsterisk) -> AsyncIterator[StreamPhone]:
    """A phone that speaks over a WebSocket, as one in a browser."""

    def make(_: object) -> socket.socket:
        made = asterisk.in_network(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        made.setblocking(False)
        return made

    connector = aiohttp.TCPConnector(socket_factory=make)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect("http://127.0.0.1:8088/ws", protocols=("sip",)) as websocket,
    ):
        phone = StreamPhone((NODE, 5060), PHONES, 5062, "1_201", "secret", "WS")
        phone.use_websocket(websocket)
        yield phone
        phone.close()


async def test_a_phone_in_a_browser_registers_and_is_called_with_encrypted_media(
    asterisk: OneAsterisk, line: Line
) -> None:
    async with browser(asterisk) as phone:
        assert (await phone.register()).final == 200
        phone.answer = 486
        assert (await (await line.phone("1_200")).call("201")).final == 486
        (call,) = phone.calls
    assert "UDP/TLS/RTP/SAVPF" in call.body
    assert "a=fingerprint:SHA-256" in call.body
    assert "a=ice-ufrag:" in call.body
