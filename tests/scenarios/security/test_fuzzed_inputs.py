"""What the coverage-guided fuzzer found, and a fixed run of its harness without it."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from firewall.log.security_reader import SecurityLogReader
from tests.fuzz.attacks import VICTIM
from tests.fuzz.security_log import check, check_log, read, scan
from tests.scenarios.security.asterisk_writer import Happening, record

FAKE_ANSWER = record(Happening("ChallengeResponseFailed", VICTIM, transport="TCP")).strip()
FAKE_PEER = b'",LocalAddress="IPV4/TCP/1.1.1.1/1",RemoteAddress="IPV4/TCP/9.9.9.9/1",Challenge="'
FAKE_HEAD = record(Happening("InvalidAccountID", VICTIM)).partition(b"1_200")[0]
TOO_LONG = b"A" * 9000
DELETED = b"\x1b" + b"A" * 7400 + b"m"
"""What a cut record loses besides, so that it is short."""
ENDS_IN_ACCOUNT = Happening("InvalidAccountID", "198.18.2.2", account=b'",ExpectedResponse=""\n')
FOUND = {
    "a head that begins in the account and goes on in the Call-ID": [
        Happening(
            "InvalidAccountID",
            "198.18.2.1",
            account=b'",SessionID="\n' + FAKE_HEAD,
            session=record(Happening("ChallengeResponseFailed", VICTIM, service="AMI")).strip() + b'""""',
        )
    ],
    "a head that begins in the Call-ID, once an ESC has deleted what follows on the account's line break": [
        Happening(
            "InvalidAccountID",
            "198.18.2.1",
            account=b'oteAddress="IPV4/198.18.250.250/1"\n\x1b',
            session=b"m" + FAKE_HEAD,
        )
    ],
    "after a cut record, one whose account has a line break": [
        Happening("ChallengeSent", "198.18.2.1", session=b"A" * 4000 + b'<unknown>",SessionID="' * 2),
        Happening("InvalidAccountID", "198.18.2.1", account=b"A" * 40, session=b'",SessionID="' + TOO_LONG),
        Happening("InvalidAccountID", "198.18.2.2", account=b'\n"', session=b""),
    ],
    "two cut records whose accounts have line breaks": [
        Happening("InvalidAccountID", "198.18.2.2", transport="TCP", account=b"\n\n\n", session=b'"' + TOO_LONG),
        Happening(
            "FailedACL", "198.18.2.1", account=b'oteAddress="IPV4/UDP/9.9.9.9/1"\nAAAA', session=TOO_LONG + FAKE_ANSWER
        ),
        Happening("InvalidAccountID", "198.18.2.1", service="AMI", transport="TCP", account=b"", session=b"0x7f79"),
    ],
    "a cut record with a whole false one in it, and the end of that in the next one's account": [
        Happening("ChallengeResponseFailed", "198.18.2.1", session=FAKE_ANSWER + TOO_LONG),
        ENDS_IN_ACCOUNT,
    ],
    "the same when an ESC has shortened the cut record": [
        Happening("ChallengeResponseFailed", "198.18.2.1", session=b"x" + FAKE_PEER + DELETED + TOO_LONG),
        ENDS_IN_ACCOUNT,
    ],
    "a cut record's account, when no more is written": [
        Happening("InvalidAccountID", "198.18.2.1", account=b'oteAddress="IPV4/9.9.9.9/1"\n', session=TOO_LONG)
    ],
    "the same, of 35 bytes, in a line without an end": [
        Happening("InvalidAccountID", "198.18.2.1", account=b'oteAddress="IPV4/198.18.250.250/12"\n', session=TOO_LONG),
        *[Happening("InvalidAccountID", "198.18.2.1", session=TOO_LONG)] * 4,
    ],
    "a cut record at a log's end, which an ESC has made end like a whole one": [
        Happening("SuccessfulAuth", "198.18.2.1", session=TOO_LONG),
        Happening(
            "InvalidAccountID",
            "198.18.2.1",
            account=b"",
            session=record(Happening("InvalidAccountID", VICTIM)).strip() + DELETED + b"\x1b" + TOO_LONG,
        ),
    ],
    "the same when what follows is cut too, again and again": [
        Happening("ChallengeResponseFailed", "198.18.2.1", session=FAKE_ANSWER + TOO_LONG),
        *[Happening("InvalidAccountID", "198.18.2.2", account=ENDS_IN_ACCOUNT.account, session=TOO_LONG)] * 4,
        ENDS_IN_ACCOUNT,
    ],
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
@pytest.mark.parametrize("pieces", [(), (700,) * 80], ids=["at once", "in pieces"])
def test_what_was_found_is_mended(found: list[Happening], pieces: tuple[int, ...]) -> None:
    check_log(found, pieces)
    assert VICTIM not in {address for _, address in scan(b"".join(map(record, found)))}
    assert not {VICTIM, "198.18.250.250"} & {address for _, address in read(b"".join(map(record, found)), pieces)}


def test_an_endless_chain_of_cut_records_takes_little_memory() -> None:
    link = record(Happening("InvalidAccountID", "198.18.2.2", account=b"x\n", session=TOO_LONG))
    reader = SecurityLogReader()
    tracemalloc.start()
    for _ in range(200):
        reader.feed(link)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 250_000


def test_after_a_cut_record_a_false_one_in_an_ami_key_names_nobody() -> None:
    cut = Happening("InvalidAccountID", "198.18.2.1", session=b"A" * 8100)
    false = record(Happening("ChallengeResponseFailed", VICTIM, challenge=b"1", response=b"2")).partition(
        b'",Expected'
    )[0]
    key = Happening("ChallengeResponseFailed", "198.18.2.2", "AMI", "TCP", b"admin", b"0x7f79", b"1", b"x" + false)
    log = record(cut) + record(key)
    assert not {VICTIM, "198.18.250.250"} & {address for _, address in [*read(log, []), *scan(log)]}


@pytest.mark.parametrize("seed", range(4))
def test_made_up_logs_name_only_true_peers_hide_nothing_and_read_the_same_offline(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(150):
        check(source.randbytes(source.randrange(120)))
