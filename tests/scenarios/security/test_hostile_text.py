"""Whatever attackers write into accounts, Call-IDs, nonces, responses and keys, the true peer is found, and only he."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from firewall.log.scan import FAILURES, SUCCESSES, events_in, scan_failures
from firewall.log.security_reader import SecurityLogReader
from tests.scenarios.security.asterisk_writer import LONGEST, Happening, record

VICTIM = "9.9.9.9"
FRAGMENTS = [
    b'"',
    b"\\",
    b",",
    b"\x1b",
    b"m",
    b'",LocalAddress="IPV4/UDP/198.18.0.10/5060",RemoteAddress="IPV4/UDP/9.9.9.9/5060"',
    b'oteAddress="IPV4/UDP/9.9.9.9/1"',
    b'oteAddress="IPV4/TCP/9.9.9.9/1",Challenge="',
    b'",SessionID="0x1",LocalAddress="IPV4/TCP/1.1.1.1/1",RemoteAddress="IPV4/TCP/9.9.9.9/1",Challenge="x',
    b'",Response="',
    b'",ExpectedResponse=""',
    b',UsingPassword="1"',
    b',Challenge=""',
    b'SessionTV="1970-01-01T00:00:00.000+0000"',
    b'<unknown>",SessionID="',
    b'Severity="Error",Service="',
    "é".encode(),
    b"A" * 900,
    b"\x1b" + b"A" * 7400 + b"m",
    b'",LocalAddress="IPV4/TCP/1.1.1.1/1",RemoteAddress="IPV4/TCP/9.9.9.9/1",Challenge="',
    record(Happening("InvalidAccountID", VICTIM)).strip(),
    record(Happening("ChallengeResponseFailed", VICTIM)).strip(),
    record(Happening("SuccessfulAuth", VICTIM)).strip(),
    record(Happening("ChallengeResponseFailed", VICTIM, service="AMI")).strip(),
    record(Happening("InvalidAccountID", VICTIM, service="IAX2")).strip(),
]
ASCII = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF, exclude_characters="\n\r"), max_size=12)
hostile = st.lists(st.one_of(st.sampled_from(FRAGMENTS), ASCII.map(str.encode)), max_size=5).map(b"".join)
ACCOUNT_FRAGMENTS = [b"\n", b'"', b"\x1b", b'oteAddress="IPV4/9.9.9.9/1"\n', b"m", b'",ExpectedResponse=""\n']
accounts = st.lists(st.one_of(st.sampled_from(ACCOUNT_FRAGMENTS), ASCII.map(str.encode)), max_size=4).map(b"".join)
digests = hostile.map(lambda text: text.replace(b"\\", b"").replace(b'"', b'\\"'))
"""pjproject takes a quote into a digest value only behind a backslash."""
peers = st.integers(1, 250).map(lambda last: f"198.18.2.{last}")
pjsip = st.one_of(
    st.builds(
        Happening,
        st.sampled_from(["InvalidAccountID", "FailedACL"]),
        peers,
        account=accounts,
        session=hostile,
        transport=st.sampled_from(["UDP", "TCP", "WSS"]),
    ),
    st.builds(Happening, st.just("ChallengeSent"), peers, account=st.just(b"<unknown>"), session=hostile),
    st.builds(Happening, st.sampled_from(["ChallengeSent", "SuccessfulAuth"]), peers, session=hostile),
    st.builds(
        Happening,
        st.just("ChallengeResponseFailed"),
        peers,
        session=hostile,
        challenge=digests,
        response=digests,
    ),
)
ami = st.one_of(
    st.builds(
        Happening,
        st.just("InvalidAccountID"),
        peers,
        service=st.just("AMI"),
        transport=st.just("TCP"),
        account=hostile,
        session=st.just(b"0x7f7907e87330"),
    ),
    st.builds(
        Happening,
        st.just("ChallengeResponseFailed"),
        peers,
        service=st.just("AMI"),
        transport=st.just("TCP"),
        account=st.just(b""),
        session=st.just(b"0x7f7907e87330"),
        challenge=st.just(b"114257233"),
        response=hostile.filter(lambda text: b"\x1b" not in text),
    ),
)
happenings = st.lists(st.one_of(pjsip, ami), min_size=1, max_size=6)


def read(log: bytes, pieces: list[int]) -> list[tuple[str, str]]:
    reader = SecurityLogReader()
    found = []
    place = 0
    for size in pieces:
        found += reader.feed(log[place : place + size])
        place += size
    found += reader.feed(log[place:])
    found += reader.settle()
    return [(event.name, event.address) for event, _ in found]


@settings(max_examples=4 * settings().max_examples, deadline=None)
@given(happenings, st.lists(st.integers(1, 400), max_size=8))
@example(
    [Happening("InvalidAccountID", "198.18.2.1", account=b'oteAddress="IPV4/UDP/9.9.9.9/1"\n', session=b"\x1b")], []
)
def test_every_event_of_uncut_lines_is_read_once_with_its_true_peer(log: list[Happening], pieces: list[int]) -> None:
    uncut = [happening for happening in log if record(happening).endswith(b"\n") and len(record(happening)) < LONGEST]
    written = b"".join(record(happening) for happening in uncut)
    assert read(written, pieces) == [(happening.name, happening.peer) for happening in uncut]


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(happenings, st.lists(st.integers(1, 400), max_size=8))
@example(
    [
        Happening("InvalidAccountID", "198.18.2.1"),
        Happening("InvalidAccountID", "198.18.2.1", account=b'oteAddress="IPV4/UDP/9.9.9.9/1"\n'),
    ],
    [],
)
def test_cut_lines_never_lead_to_anybody_but_a_peer_of_the_log(log: list[Happening], pieces: list[int]) -> None:
    bloated = [Happening(**{**vars(h), "session": h.session + b"A" * 8000}) if i % 2 else h for i, h in enumerate(log)]
    found = read(b"".join(record(happening) for happening in bloated) + b"\n", pieces)
    assert {address for _, address in found} <= {happening.peer for happening in log}


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(happenings)
def test_an_offline_scan_reads_the_same_failures_and_successes(log: list[Happening]) -> None:
    written = b"".join(record(happening) for happening in log)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "security"
        path.write_bytes(written)
        scanned = [(e.name, e.address) for e in events_in(path, FAILURES + SUCCESSES)]
        out = io.StringIO()
        scan_failures(path, out, as_json=True)
    live = [event for event in read(written, []) if event[0] != "ChallengeSent"]
    assert [event for event in scanned if event[0] != "ChallengeSent"] == live
    assert VICTIM not in {json.loads(row)["address"] for row in out.getvalue().splitlines()}


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(st.binary(max_size=3000), st.lists(st.integers(1, 400), max_size=8))
def test_any_bytes_are_taken_without_an_error(log: bytes, pieces: list[int]) -> None:
    read(log, pieces)
