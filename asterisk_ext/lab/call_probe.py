"""One call, placed with SIPp from a machine of the lab, with the audio received recorded, early media included.

Run there as ``python -m asterisk_ext.lab.call_probe``; the wish comes on standard input, what happened goes to
standard output, both as JSON.
"""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from asterisk_ext.lab import g711, rtp, sipp

FRAME = 160
PAYLOAD_SECONDS = 0.02
LIMIT_SECONDS = 150


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """``account`` and ``password`` are empty for a call from a carrier; ``caller`` is the user of From."""

    scratch: str
    address: str
    node: str
    number: str
    caller: str
    account: str = ""
    password: str = ""
    seconds: float = 5
    """How long an answered call lasts unless the callee hangs up."""


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    statuses: tuple[int, ...]
    final: int
    reason: str
    hung_up_by_callee: bool
    audio: str
    """What was heard: base64 of 16-bit samples, little-endian, 8000 a second."""

    def samples(self) -> bytes:
        return base64.b64decode(self.audio)


def call(wish: Wish) -> Happened:
    """Place the call and stay until it is over."""
    with (
        tempfile.TemporaryDirectory(dir=wish.scratch) as place,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media,
    ):
        media.bind((wish.address, 0))
        _write(Path(place), wish)
        options = ("-inf", "fields.csv", "-m", "1", "-trace_msg", "-message_file", "messages.log")
        keys = ("-key", "rtp_port", str(media.getsockname()[1]), "-timeout", str(LIMIT_SECONDS))
        with subprocess.Popen(
            sipp.command(wish.address, sipp.free_port(wish.address), wish.node, *options, *keys),
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            packets = _record(media, process)
        trace = Path(place) / "messages.log"
        told = sipp.outcome(trace.read_text(errors="replace") if trace.exists() else "")
    return Happened(
        statuses=told.statuses,
        final=told.final,
        reason=told.reason,
        hung_up_by_callee=told.hung_up_by_callee,
        audio=base64.b64encode(rtp.assemble(packets).tobytes()).decode(),
    )


def _write(place: Path, wish: Wish) -> None:
    name, answer = ("call", sipp.answer(wish.account, wish.password)) if wish.account else ("trunk_call", "")
    text = sipp.scenario(name).replace("@HOLD@", str(round(wish.seconds * 1000)))
    sipp.write(place, text, [(wish.caller, answer, wish.number, wish.node)])


def _record(media: socket.socket, process: subprocess.Popen[bytes]) -> list[tuple[float, rtp.Packet]]:
    """Receive until SIPp ends; every packet is answered by one of our own tone, so that the far side hears it."""
    packets: list[tuple[float, rtp.Packet]] = []
    voice = g711.tone(1000, 1)
    media.settimeout(PAYLOAD_SECONDS)
    while process.poll() is None:
        try:
            data, sender = media.recvfrom(2048)
        except TimeoutError:
            continue
        packet = rtp.parse(data)
        if packet is None:
            continue
        number = len(packets)
        packets.append((time.monotonic(), packet))
        start = number * FRAME % len(voice)
        own = rtp.Packet(g711.ALAW, number, number * FRAME, 0x1AB, voice[start : start + FRAME])
        media.sendto(rtp.build(own), sender)
    return packets


def main() -> None:
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    sys.stdout.buffer.write(msgspec.json.encode(call(wish)))


if __name__ == "__main__":
    main()
