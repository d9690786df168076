"""REGISTERs, right or wrong, sent with SIPp from a machine of the lab.

Run there as ``python -m asterisk_ext.lab.register_probe``; JSON in, JSON out, as with ``call_probe``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from asterisk_ext.lab import sipp

ANSWER_MS = 3000


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    scenario: str
    """``register`` or ``attack``."""
    scratch: str
    address: str
    node: str
    account: str
    password: str
    seconds: int
    """The registration's expiry; 0 ends it."""
    times: int
    tcp: bool = False


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    statuses: tuple[int, ...]
    """Every status received, in order."""
    as_expected: bool
    """Each attempt ended as its scenario says: registered, or refused. Silence is neither."""


def attempt(wish: Wish) -> Tried:
    """One after the other."""
    with tempfile.TemporaryDirectory(dir=wish.scratch) as place:
        port = sipp.free_port(wish.address)
        # No time at all takes every contact of the account away (RFC 3261, section 10.2.2).
        contact = f"<sip:{wish.account}@{wish.address}:{port}>" if wish.seconds else "*"
        rows = [(wish.account, sipp.answer(wish.account, wish.password), str(wish.seconds), contact)]
        sipp.write(Path(place), sipp.scenario(wish.scenario), rows)
        pace = ("-m", str(wish.times), "-l", "1", "-r", "50", "-recv_timeout", str(ANSWER_MS))
        trace = ("-trace_msg", "-message_file", "messages.log", *(("-t", "t1") if wish.tcp else ()))
        done = subprocess.run(
            sipp.command(wish.address, port, wish.node, "-inf", "fields.csv", *pace, *trace),
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        log = Path(place) / "messages.log"
        text = log.read_text(errors="replace") if log.exists() else ""
    statuses = re.findall(r"^SIP/2\.0 (\d{3})", text, re.MULTILINE)
    return Tried(statuses=tuple(map(int, statuses)), as_expected=done.returncode == 0)


def main() -> None:
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    sys.stdout.buffer.write(msgspec.json.encode(attempt(wish)))


if __name__ == "__main__":
    main()
