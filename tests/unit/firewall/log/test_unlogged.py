"""What the security log cannot tell is found in copies of SIP messages; what honest phones write does not count."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_ext.config import Guard
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.security_event import AttemptCounter, SecurityEvent
from firewall.log import hep
from firewall.log.capture import Capture
from firewall.log.hep import Captured
from firewall.log.unlogged import LONGEST_TOLD, unlogged

SECRET = b"between-asterisk-and-guard"
PEER = "203.0.113.5"
REGISTER = (
    b"REGISTER sip:pbx SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK1\r\n"
    b"From: <sip:1_200@pbx>;tag=1\r\nTo: <sip:1_200@pbx>\r\nCall-ID: one\r\nCSeq: 1 REGISTER\r\n"
    b'Authorization: Digest username="1_200",nonce="1/2",response="3"\r\nContent-Length: 0\r\n\r\n'
)


def captured(message: bytes, protocol: int = 17) -> Captured:
    return Captured(1_700_000_000.5, protocol, PEER, 5060, message)


def packet(message: bytes, secret: bytes = SECRET, address: str = PEER) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = {socket.AF_INET: 3, socket.AF_INET6: 5}[family]
    told = {
        1: bytes([family]),
        2: bytes([17]),
        kind: socket.inet_pton(family, address),
        7: struct.pack(">H", 5060),
        9: struct.pack(">I", 1_700_000_000),
        10: struct.pack(">I", 500_000),
        11: b"\x01",
        14: secret,
        15: message,
    }
    body = b"".join(struct.pack(">HHH", 0, number, 6 + len(value)) + value for number, value in told.items())
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def test_a_call_id_that_is_no_utf8_is_a_failed_attempt_of_the_peer() -> None:
    found = unlogged(captured(REGISTER.replace(b"one", b"\xff")))
    assert found is not None
    event, evidence = found
    assert (event.name, event.address, event.account, event.transport) == (
        "ChallengeResponseFailed",
        PEER,
        "1_200",
        "UDP",
    )
    assert b"\xff" in evidence


def test_repeats_of_it_count_each() -> None:
    found = unlogged(captured(REGISTER.replace(b"one", b"\xff")))
    assert found is not None
    counter = AttemptCounter()
    assert [counter.count(found[0]) for _ in range(20)] == [True] * 20


@pytest.mark.parametrize(
    "spoilt",
    [
        REGISTER.replace(b"Call-ID: one", b"i:\xff"),
        REGISTER.replace(b"Call-ID: one", b"CALL-ID \t:\xc0\xaf"),
        REGISTER.replace(b"Call-ID: one", b"Call-ID: one\r\n \xff"),
        REGISTER.replace(b"\r\nCall-ID: one", b"\nCall-ID: \xed\xa0\x80"),
        REGISTER.replace(b"\r\nVia", b"\r\n Call-ID: \xff\r\nVia").replace(b"Call-ID: one\r\n", b""),
        REGISTER.replace(b'nonce="1/2"', b'nonce="\xff"'),
        REGISTER.replace(b'response="3"', b'response="\x80"'),
        b"\r\n\r\n" + REGISTER.replace(b"one", b"\xff"),
        REGISTER.replace(b"Authorization", b"From: a\r\n\r\nProxy-Authorization").replace(b"1/2", b"\xfe"),
    ],
)
def test_however_the_header_is_written(spoilt: bytes) -> None:
    assert unlogged(captured(spoilt)) is not None


@pytest.mark.parametrize("header", [b"Call-ID: one", b'nonce="1/2"', b"1_200@pbx>;tag=1"])
def test_what_makes_the_log_s_line_too_long_counts(header: bytes) -> None:
    long = REGISTER.replace(header, header[:-1] + b"x" * LONGEST_TOLD + header[-1:])
    found = unlogged(captured(long, protocol=6))
    assert found is not None
    assert found[0].proven


@pytest.mark.parametrize(
    "honest",
    [
        REGISTER,
        REGISTER.replace(b"From: ", b'From: "Jos\xe9" '),
        REGISTER.replace(b"Content-Length", b"X-Place: S\xe3o Paulo\r\nContent-Length"),
        REGISTER.replace(b"one", "é".encode()),
        REGISTER + b"v=0\r\ns=Jos\xe9\r\n" + b"a=candidate\r\n" * 800,
        REGISTER.replace(b"REGISTER sip", b"ACK sip").replace(b"one", b"\xff"),
        b"SIP/2.0 200 OK\r\nCall-ID: \xff\r\n\r\n",
    ],
)
def test_what_honest_phones_write_does_not_count(honest: bytes) -> None:
    assert unlogged(captured(honest)) is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.binary(max_size=200))
def test_no_text_of_utf8_in_the_call_id_counts_whatever_the_body_is_but_a_header(call_id: str, body: bytes) -> None:
    clean = call_id.replace("\r", "").replace("\n", "").encode()
    message = REGISTER.replace(b"one", clean) + body.replace(b":", b"=")
    assert unlogged(captured(message)) is None


@given(st.binary(min_size=1, max_size=40))
def test_every_call_id_that_the_log_refuses_counts(text: bytes) -> None:
    text = text.replace(b"\r", b"").replace(b"\n", b"")
    try:
        text.decode()
    except UnicodeDecodeError:
        assert unlogged(captured(REGISTER.replace(b"one", text))) is not None


@pytest.mark.parametrize("address", [PEER, "2001:db8::5"])
def test_a_packet_of_asterisk_s_gives_the_message_and_its_true_peer(address: str) -> None:
    assert hep.read(packet(REGISTER, address=address), SECRET) == Captured(1_700_000_000.5, 17, address, 5060, REGISTER)


def test_a_packet_without_the_secret_is_nobody_s() -> None:
    assert hep.read(packet(REGISTER, b"another"), SECRET) is None


@given(st.binary(max_size=100), st.integers(0, 400))
def test_whatever_arrives_is_read_or_passed_over(noise: bytes, cut: int) -> None:
    hep.read(noise, SECRET)
    hep.read(b"HEP3" + noise, SECRET)
    whole = packet(REGISTER)
    assert hep.read(whole[: min(cut, len(whole) - 1)], SECRET) is None


@asynccontextmanager
async def listening(place: Path) -> AsyncIterator[tuple[asyncio.Queue[SecurityEvent], socket.socket]]:
    """A capture at a free port, what it found, and a socket that sends to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = place / "hep.secret"
    file.write_bytes(SECRET + b"\n")
    found: asyncio.Queue[SecurityEvent] = asyncio.Queue()

    def take(attempts: Sequence[tuple[SecurityEvent, bytes]]) -> None:
        for event, _ in attempts:
            found.put_nowait(event)

    capture = Capture(Guard(capture_port=port, capture_secret_file=str(file)), take)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        yield found, sender
    capture.close()


async def test_what_comes_to_the_port_is_judged(tmp_path: Path) -> None:
    async with listening(tmp_path) as (found, sender):
        sender.send(b"noise")
        sender.send(packet(REGISTER))
        sender.send(packet(REGISTER.replace(b"one", b"\xff"), b"forged"))
        sender.send(packet(REGISTER.replace(b"one", b"\xff"), address="198.51.100.7"))
        assert (await found.get()).address == "198.51.100.7"
        assert found.empty()


@pytest.mark.parametrize("content", ["", "\n"])
async def test_an_empty_secret_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "hep.secret").write_text(content)
    settings = Guard(capture_port=1, capture_secret_file=str(tmp_path / "hep.secret"))
    with pytest.raises(Refusal, match="its secret is empty"):
        Capture(settings, lambda _: None)
