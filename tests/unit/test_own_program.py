"""A program of the hoster's own: what it is given, and what becomes of one that misbehaves."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.own_program import OwnProgram, ToldFile

WORDS = ("enter", "node1; touch /tmp/owned", "$(id)")


def program(place: Path, text: str) -> tuple[str, ...]:
    path = place / "program.py"
    path.write_text(text)
    return (sys.executable, str(path))


async def test_it_gets_the_words_as_they_are_and_little_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = f"import os, sys\nopen({str(out)!r}, 'w').write(repr((sys.argv[1:], sorted(os.environ), os.getcwd())))\n"
    assert await OwnProgram(program(tmp_path, text), 60)(*WORDS) == ""
    words, environment, place = eval(out.read_text())  # noqa: S307 - our own repr
    assert tuple(words) == WORDS
    assert set(environment) <= {"PATH", "LANG", "LC_CTYPE"}
    assert place == "/"


async def test_its_failure_is_said_with_what_it_wrote(tmp_path: Path) -> None:
    text = "import sys\nsys.stderr.write('no \\x00 database\\n' * 1000)\nsys.exit(3)\n"
    said = await OwnProgram(program(tmp_path, text), 60)("enter", "a", "b")
    assert said.startswith("it ended with status 3: no")
    assert len(said) < 500


async def test_one_that_does_not_end_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(str(child.pid))\ntime.sleep(600)\n"
    )
    said = await OwnProgram(program(tmp_path, text), 3)("enter", "a", "b")
    assert said == "it did not end within 3 s"
    until = time.monotonic() + 60
    while alive(int(pids.read_text())) and time.monotonic() < until:  # noqa: ASYNC110 - a process
        await asyncio.sleep(0.01)
    assert not alive(int(pids.read_text()))


def alive(pid: int) -> bool:
    """A zombie that nobody has collected yet is dead."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_one_that_is_not_there_is_said() -> None:
    assert "No such file" in await OwnProgram(("/nowhere/at-all",), 5)("enter", "a", "b")


async def test_without_one_nothing_happens() -> None:
    assert await OwnProgram((), 5)("enter", "a", "b") == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[1]"])
def test_a_memory_that_is_no_use_means_that_nothing_was_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "told.json"
    told = Map({"node1": Entry("node2", "2026-01-01T00:00:00Z", "ana")})
    ToldFile(path).write(told)
    assert ToldFile(path).read() == told
    path.write_bytes(content)
    assert ToldFile(path).read() == Map()
