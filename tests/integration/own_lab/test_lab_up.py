"""Bringing a lab up and down: what is refused, what an end of any kind leaves behind. Each has a lab of its own."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk_ext.lab import asterisk_install, state
from asterisk_ext.lab.plan import STATE
from tests.integration import machine
from tests.integration.fleet import COMMAND, lab_command
from tests.integration.machine import free_ports
from tests.integration.own_lab.reaper import reaped


@pytest.fixture
def name() -> Iterator[str]:
    """A lab of the test's own, beside the shared one; it is gone afterwards, whatever the test did."""
    own = f"own-{os.getpid()}"
    with reaped(own):
        yield own


def up(name: str, *options: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return lab_command(
        "up", "--detach", "--name", name, "--nodes", "1", "--port", str(free_ports(1)), *options, env=env
    )


def test_a_port_in_use_is_refused_and_leaves_nothing(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = lab_command("up", "--detach", "--name", name, "--port", str(taken.getsockname()[1]))
    assert done.returncode != 0
    assert done.stderr.startswith("lab.port_taken (port):")
    assert not (STATE / name).exists()


def test_a_lab_changes_nothing_of_the_machine_while_it_is_up_nor_after_ctrl_c(name: str) -> None:
    before = machine.look()
    with start_in_foreground(name) as process:
        until_up(process)
        assert len(machine.processes_of(name)) > 5
        assert machine.look() == before
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0
    assert machine.look() == before
    assert machine.processes_of(name) == []
    assert not (STATE / name).exists()


def test_after_the_death_of_its_first_process_a_lab_is_brought_up_again_and_ends_with_its_command(name: str) -> None:
    before = machine.look()
    assert up(name).returncode == 0
    first = state.first_process(STATE / name)
    assert first is not None
    handle = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    wait_for_end(handle)
    assert machine.processes_of(name) == []
    assert machine.look() == before
    with start_in_foreground(name) as process:
        until_up(process)
        first = state.first_process(STATE / name)
        assert first is not None
        handle = os.pidfd_open(first)
        process.kill()
        wait_for_end(handle)
        process.communicate()
    assert machine.processes_of(name) == []


def test_a_lab_comes_up_where_var_and_opt_are_disks_of_their_own_and_is_taken_down(name: str) -> None:
    before = machine.look()
    disks = 'mount --bind /var /var && mount --bind /opt /opt && exec "$@"'
    wanted = [*COMMAND, "up", "--detach", "--name", name, "--nodes", "1", "--port", str(free_ports(1))]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", disks, "sh", *wanted], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = lab_command("exec", "--name", name, "node1", "--", "cat", "/proc/mounts").stdout
    assert {line.split()[1] for line in seen.splitlines()} >= {"/var", "/opt"}
    assert lab_command("down", "--name", name).returncode == 0
    assert machine.look() == before
    assert machine.processes_of(name) == []
    assert not (STATE / name).exists()


def test_taking_down_a_lab_that_is_not_up_is_no_error(name: str) -> None:
    assert lab_command("down", "--name", name).returncode == 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(name: str, ending: signal.Signals) -> None:
    before = machine.look()
    with start_in_foreground(name) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(ending)
        told = process.stderr.read()
    assert process.returncode != 0
    assert "lab.interrupted" in told
    assert machine.processes_of(name) == []
    assert machine.look() == before
    assert not (STATE / name).exists()


def test_an_absent_asterisk_is_told_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    done = up(name, env=dict(os.environ) | {"ASTERISK_EXT_ASTERISK_ROOT": str(tmp_path)})
    assert done.returncode != 0
    assert "lab.asterisk_absent" in done.stderr
    assert "make setup" in done.stderr
    assert not (STATE / name).exists()


def test_an_asterisk_that_dies_is_told_with_its_last_lines(name: str, broken_asterisk: Path) -> None:
    before = machine.look()
    done = up(name, env=dict(os.environ) | {"ASTERISK_EXT_ASTERISK_ROOT": str(broken_asterisk)})
    assert done.returncode != 0
    assert "lab.service_ended: asterisk on node1" in done.stderr
    assert "the disk is on fire" in done.stderr
    assert machine.processes_of(name) == []
    assert machine.look() == before


@pytest.fixture
def broken_asterisk(tmp_path: Path) -> Path:
    """A tree whose Asterisk tells its version and cannot start."""
    root = tmp_path / "root"
    shell = Path("/bin/sh").resolve()
    libraries = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", shell], capture_output=True, text=True).stdout)
    for file in (str(shell), *libraries):
        (root / file.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, root / file.lstrip("/"))
    program = root / "usr/sbin/asterisk"
    program.parent.mkdir(parents=True)
    program.write_text(
        f'#!{shell}\nif [ "$1" = -V ]; then echo Asterisk 22.0.0; exit 0; fi\necho the disk is on fire\nexit 1\n'
    )
    program.chmod(0o755)
    for module in asterisk_install.required_modules():
        file = root / "usr/lib/any/asterisk/modules" / f"{module}.so"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for directory in ("proc", "dev", "etc"):
        (root / directory).mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("asterisk:x:101:101::/:/bin/false\n")
    loader = root / "usr/lib/any/ld-linux-any.so.2"
    loader.touch()
    return root


def start_in_foreground(name: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "up", "--name", name, "--nodes", "1", "--port", str(free_ports(1))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until_up(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    while "Ctrl-C" not in process.stderr.readline():
        assert process.poll() is None


def wait_for_end(handle: int) -> None:
    """Of the process behind a pidfd."""
    try:
        assert select.select([handle], [], [], 20)[0]
    finally:
        os.close(handle)
