"""Coverage-guided fuzzing of the security log's parser, with libFuzzer's arguments.

``make soak`` runs it. The fuzzer it needs, atheris, is in a lock file of its own: its wheels exist for a few platforms
and versions of Python only, and nothing else here would run where there is none. ``check`` needs nothing; pytest runs
it with fixed inputs (``tests/scenarios/security/test_fuzzed_inputs.py``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from asterisk_ext.domain.security_event import CHALLENGED
from firewall.log.scan import FAILURES, SUCCESSES, events_in
from firewall.log.security_reader import SecurityLogReader
from tests.fuzz.attacks import happenings
from tests.scenarios.security.asterisk_writer import Happening, record

Told = list[tuple[str, str]]
"""Event and address, in the log's order."""


def check(data: bytes) -> None:
    """Write the log that the input means and assert what must hold of any log whatever attackers wrote."""
    check_log(*happenings(data))


def check_log(log: list[Happening], pieces: Sequence[int] = ()) -> None:
    written = b"".join(map(record, log))
    live = read(written, pieces)
    assert {address for _, address in live} <= {happening.peer for happening in log}, "a stranger was named"
    assert _holds(live, _certain(log)), "an uncut event was hidden"
    if all(record(happening).endswith(b"\n") for happening in log):
        assert live == [(happening.name, happening.peer) for happening in log], "not each event once"
    assert _without_challenges(scan(written)) == _without_challenges(live), "the offline scan differs"


def read(log: bytes, pieces: Sequence[int]) -> Told:
    """As the running guard reads a log that arrives in pieces."""
    reader = SecurityLogReader()
    found, place = [], 0
    for size in pieces:
        found += reader.feed(log[place : place + size])
        place += size
    found += reader.feed(log[place:])
    found += reader.settle()
    return [(event.name, event.address) for event, _ in found]


def scan(log: bytes) -> Told:
    file = os.memfd_create("security")
    try:
        os.write(file, log)
        return [(e.name, e.address) for e in events_in(Path(f"/proc/self/fd/{file}"), FAILURES + SUCCESSES)]
    finally:
        os.close(file)


def _certain(log: list[Happening]) -> Told:
    """The events whose lines are whole and begin at a line's start: these must be read."""
    certain, at_start = [], True
    for happening in log:
        whole = record(happening).endswith(b"\n")
        if whole and at_start:
            certain.append((happening.name, happening.peer))
        at_start = whole
    return certain


def _holds(told: Told, wanted: Told) -> bool:
    rest = iter(told)
    return all(event in rest for event in wanted)


def _without_challenges(told: Told) -> Told:
    """A scan looks at those of ``<unknown>`` only."""
    return [event for event in told if event[0] != CHALLENGED]


if __name__ == "__main__":
    import atheris

    with atheris.instrument_imports(include=["firewall"]):
        for name in ("firewall.log.security", "firewall.log.security_reader", "firewall.log.scan"):
            del sys.modules[name]
        from tests.fuzz import security_log
    atheris.Setup(sys.argv, security_log.check)
    atheris.Fuzz()
