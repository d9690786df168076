"""``asterisk-ext guard scan --json`` against grep and fail2ban-regex, whole processes, same file.

python -m tests.bench.guard_scan [--lines 1000000] [--fail2ban-lines 100000]
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.peers import FAIL2BAN, peer
from tests.bench.table import show
from tests.scenarios.security.cases import LOGS

ROOT = Path(__file__).parents[2]
FAILURE = r'SecurityEvent="(FailedACL|InvalidAccountID|ChallengeResponseFailed|InvalidPassword)"'
ROUNDS = 3
FAILING_LINES = 25
"""One line in so many is a failure."""


def make_log(path: Path, lines: int) -> None:
    """Real lines, 4 % of them failures, each with an address and a Call-ID of its own."""
    choose = random.Random(1)
    real = (LOGS / "ordinary-attempts.log").read_text().splitlines()
    good = [
        line for line in real if ('"ChallengeSent"' in line and "<unknown>" not in line) or '"SuccessfulAuth"' in line
    ]
    bad = [line for line in real if '"ChallengeResponseFailed"' in line and "<unknown>" not in line]
    bad = [line for line in bad if "IPV4" in line]
    with path.open("w") as log:
        for number in range(lines):
            if number % FAILING_LINES:
                log.write(choose.choice(good) + "\n")
                continue
            address = ".".join(str(choose.randrange(1, 255)) for _ in range(3))
            line = re.sub(r'(RemoteAddress="IPV4/\w+/)[\d.]+', rf"\g<1>10.{address}", choose.choice(bad))
            log.write(line.replace('SessionID="', f'SessionID="{number}') + "\n")


def seconds(*command: str) -> float:
    """The best of three runs, the whole process."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        # Not to /dev/null: grep notices, and stops at the first match.
        subprocess.run(command, check=False, stdout=subprocess.PIPE, cwd=ROOT)
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--lines", type=int, default=1_000_000)
    options.add_argument("--fail2ban-lines", type=int, default=100_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "security"
        make_log(log, chosen.lines)
        scan = seconds(sys.executable, "-m", "asterisk_ext.cli.main", "guard", "scan", str(log), "--json")
        grep = seconds("grep", "-cE", FAILURE, str(log))
        rows = [("what", "lines", "s", "lines/s", "scan is")]
        rows.append(("guard scan --json", f"{chosen.lines:,}", f"{scan:.2f}", f"{chosen.lines / scan:,.0f}", "1"))
        rows.append(
            ("grep -cE", f"{chosen.lines:,}", f"{grep:.2f}", f"{chosen.lines / grep:,.0f}", f"{grep / scan:.2f} ×")
        )
        make_log(log, chosen.fail2ban_lines)
        began = time.perf_counter()
        regex = (*peer("fail2ban-regex"), "-c", str(FAIL2BAN), str(log), str(FAIL2BAN / "filter.d/asterisk.conf"))
        subprocess.run(regex, check=True, stdout=subprocess.DEVNULL)
        beside = time.perf_counter() - began
        speed = chosen.fail2ban_lines / beside
        faster = chosen.lines / scan / speed
        rows.append(
            ("fail2ban-regex", f"{chosen.fail2ban_lines:,}", f"{beside:.2f}", f"{speed:,.0f}", f"{faster:.0f} ×")
        )
        show("One log, whole processes", rows)


if __name__ == "__main__":
    main()
