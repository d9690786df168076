"""The scenario files: a verdict in JSON above the real bytes of each case."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

LOGS = Path(__file__).parent / "logs"
VERDICT = b'# {"title": '


@dataclass(frozen=True)
class Case:
    title: str
    address: str
    attempts: int
    log: bytes
    success: int = 0

    def __str__(self) -> str:
        return self.title


def cases(name: str) -> list[Case]:
    parts = (LOGS / name).read_bytes().split(VERDICT)[1:]
    found = []
    for part in parts:
        verdict, _, log = part.partition(b"\n")
        found.append(Case(log=log, **json.loads(b'{"title": ' + verdict)))
    return found
