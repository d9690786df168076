"""What the lab's first process says to `lab up` while it starts: lines of JSON through a pipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from asterisk_ext.domain.errors import Problem, Refusal


@dataclass(frozen=True, slots=True)
class Report:
    """The writing end."""

    fd: int

    def say(self, what: str) -> None:
        self._write({"say": what})

    def failed(self, refusal: Refusal) -> None:
        self._write({"error_id": refusal.error_id, "what": refusal.what, "remedy": refusal.remedy})

    def ready(self) -> None:
        """The last word: the pipe is closed."""
        self._write({"ready": True})
        os.close(self.fd)

    def _write(self, line: dict[str, object]) -> None:
        try:
            os.write(self.fd, json.dumps(line).encode() + b"\n")
        except BrokenPipeError:
            # Whoever started the lab died before it was ready: nobody would ever end it.
            sys.exit("nobody waits for this lab any more")


DIED = Problem(
    "lab.died",
    500,
    "The lab ended while it started. Its last lines:\n{lines}",
    "Run `asterisk-ext lab up` again; if it ends again, those lines tell why.",
)


def follow(pipe: IO[str], last_lines: Callable[[], str]) -> Iterator[str]:
    """The steps, one by one, until the lab is ready; raises the refusal it ended by, or ``lab.died``."""
    for line in pipe:
        told = json.loads(line)
        if "ready" in told:
            return
        if "error_id" in told:
            problem = Problem(told["error_id"], 500, "{what}", "{remedy}")
            raise problem.refuse(what=told["what"], remedy=told["remedy"])
        yield told["say"]
    raise DIED.refuse(lines=last_lines())
