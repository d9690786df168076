"""A million distinct failing sources: resident memory, and whether an attacker among them is still banned.

python -m tests.bench.guard_memory [--sources 1000000]
"""

from __future__ import annotations

import argparse
import resource
import time

from asterisk_ext.domain.ban import BanPolicy, Decision, Policy
from asterisk_ext.domain.security_event import AttemptCounter, SecurityEvent
from tests.bench.table import show

NOON = 1_795_000_000
ATTACKER = "203.0.113.66"


def event(address: str, number: int) -> SecurityEvent:
    return SecurityEvent(
        "InvalidAccountID", NOON + number / 1000, "", "PJSIP", "UDP", address, 5060, "9", f"{number}@x"
    )


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--sources", type=int, default=1_000_000)
    sources = options.parse_args().sources
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    policy, attempts = BanPolicy(Policy(), b"bench"), AttemptCounter()
    caught = 0
    began = time.perf_counter()
    for number in range(sources):
        one = event(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", number)
        if attempts.count(one):
            policy.fail(one, one.time)
        if number % (sources // 4) == sources // 8:
            one = event(ATTACKER, number)
            verdict = policy.fail(one, one.time) if attempts.count(one) else None
            caught += verdict is not None and verdict.decision is Decision.BAN
    spent = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    show(
        f"{sources:,} distinct failing sources",
        [
            ("figure", "value"),
            ("resident memory before", f"{before / 1024:.0f} MB"),
            ("resident memory, most", f"{after / 1024:.0f} MB"),
            ("a failure takes", f"{spent / sources * 1e6:.1f} µs"),
            ("the attacker with four failures among them", "banned" if caught else "MISSED"),
        ],
    )


if __name__ == "__main__":
    main()
