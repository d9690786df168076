"""Brings a test's own lab down when the test, or the whole run with it, ends in whatever way.

A lab that was brought up with ``--detach`` belongs to nobody, so an interrupted run would leave it behind: this process
waits for the end of its standard input, which the test's process holds, and the terminal's Ctrl-C does not reach it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.fleet import lab_command


@contextmanager
def reaped(name: str) -> Iterator[None]:
    """The lab ``name`` is gone afterwards."""
    command = [sys.executable, "-m", "tests.integration.own_lab.reaper", name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


if __name__ == "__main__":
    sys.stdin.read()
    lab_command("down", "--name", sys.argv[1])
