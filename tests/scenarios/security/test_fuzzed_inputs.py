"""What the coverage-guided fuzzer found, and a fixed run of its harness without it."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.attacks import VICTIM
from tests.fuzz.security_log import check, read, scan
from tests.scenarios.security.asterisk_writer import Happening, record

FOUND = {
    "a head that begins in the account and goes on in the Call-ID": "000300ffffdffffa7f01053c3c3c3c",
    "after a cut record, one whose account has a line break": (
        "10057aff151515157a057a057a057a0e7a1585057a05ff151515157a057a057a05"
    ),
    "two cut records whose accounts have line breaks": (
        "10ff057a10fb05050504007e7e7e7e7e7e7e7e2a6e7e7e7e7e477e7e7e9ea60d0540"
    ),
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_what_the_fuzzer_found_is_mended(found: str) -> None:
    check(bytes.fromhex(found))


def test_after_a_cut_record_a_false_one_in_an_ami_key_names_nobody() -> None:
    cut = Happening("InvalidAccountID", "198.18.2.1", session=b"A" * 8100)
    false = record(Happening("ChallengeResponseFailed", VICTIM, challenge=b"1", response=b"2")).partition(
        b'",Expected'
    )[0]
    key = Happening("ChallengeResponseFailed", "198.18.2.2", "AMI", "TCP", b"admin", b"0x7f79", b"1", b"x" + false)
    log = record(cut) + record(key)
    assert VICTIM not in {address for _, address in [*read(log, []), *scan(log)]}


@pytest.mark.parametrize("seed", range(4))
def test_made_up_logs_name_only_true_peers_hide_nothing_and_read_the_same_offline(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(150):
        check(source.randbytes(source.randrange(120)))
