"""SIPp: its command line, its fields file, and what its message trace tells."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from asterisk_ext.lab.topology import SIP_PORT


def scenario(name: str) -> str:
    """The text of one of the lab's scenarios."""
    return files(__package__).joinpath("scenarios", f"{name}.xml").read_text()


def fields(rows: Iterable[Sequence[str]], order: str = "SEQUENTIAL") -> str:
    """SIPp's injection file: secrets reach it so, never by its command line."""
    return "".join(f"{line}\n" for line in (order, *(";".join(row) for row in rows)))


def answer(account: str, password: str) -> str:
    """The field by which SIPp answers a digest challenge."""
    return f"[authentication username={account} password={password}]"


def command(address: str, port: int, remote: str, *options: str) -> tuple[str, ...]:
    """``scenario.xml`` and ``fields.csv`` are expected in its directory; a remote of "" waits for calls."""
    target = (f"{remote}:{SIP_PORT}",) if remote else ()
    quiet = ("-nostdin", "-f", "3600")
    return ("sipp", *target, "-sf", "scenario.xml", "-i", address, "-mi", address, "-p", str(port), *quiet, *options)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call went: every status received in order, and the Reason header (RFC 3326) of the last message."""

    statuses: tuple[int, ...]
    reason: str
    hung_up_by_callee: bool

    @property
    def final(self) -> int:
        """The last final status of the INVITE; 0 when none came."""
        return next((status for status in reversed(self.statuses) if status >= 200), 0)


def outcome(trace: str) -> Outcome:
    """Read a message trace file (-trace_msg)."""
    received = re.findall(r"message received \[\d+\] bytes\s*:\s+(.*?)(?=\n-{20,}|\Z)", trace, re.DOTALL)
    invites = [text for text in received if re.search(r"^CSeq:\s*\d+ INVITE", text, re.MULTILINE | re.IGNORECASE)]
    statuses = [re.match(r"SIP/2\.0 (\d{3})", text) for text in invites]
    reasons = re.findall(r"^Reason:\s*(.+?)\s*$", "\n".join(received), re.MULTILINE)
    return Outcome(
        statuses=tuple(int(status[1]) for status in statuses if status),
        reason=reasons[-1] if reasons else "",
        hung_up_by_callee=any(text.startswith("BYE ") for text in received),
    )


def write(place: Path, scenario_text: str, rows: Iterable[Sequence[str]]) -> None:
    """Put the two files that ``command`` expects; only this user may read them."""
    for name, text in (("scenario.xml", scenario_text), ("fields.csv", fields(rows))):
        path = place / name
        path.touch(mode=0o600)
        path.write_text(text)


def free_port(address: str) -> int:
    """A UDP port that nobody uses there at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind((address, 0))
        return int(trial.getsockname()[1])
