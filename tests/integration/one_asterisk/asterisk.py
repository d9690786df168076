"""One real Asterisk in namespaces of its own, with this product's dialplan and a realtime database.

Everything dies with one process, ``unshare --kill-child``; the machine's interfaces and mounts are never touched.
"""

from __future__ import annotations

import csv
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from asterisk_ext.domain.audio import Kind, Library
from asterisk_ext.domain.gate import Policy
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.lab.asterisk_install import find
from asterisk_ext.lab.precedence import before_others
from dialplan import memory
from dialplan.audio.defaults import install_default_audios
from dialplan.base_config import AriUser, BaseConfig, includes, render
from dialplan.difference import Difference
from dialplan.projection import Projection

NODE, PHONES, CARRIER = "198.18.1.1", "198.18.10.1", "198.18.20.1"
SOURCE = Path(__file__).resolve().parents[3]
AGI = "tests.integration.one_asterisk.agi_process"
NOTHING = Library()
DEFAULT_POLICY = Policy()
CDR_FIELDS = (
    *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield"),
)
"""The columns of ``cdr_csv`` (``cdr/cdr_csv.c``)."""
_CLONE_NEWNET = 0x40000000

Made = TypeVar("Made")
HOLD = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


class OneAsterisk:
    """Started by ``start``, gone after ``stop``; ``base`` is a scratch directory."""

    def __init__(
        self, base: Path, hoster_dialplan: str = "", verbose: int = 4, policy: Policy = DEFAULT_POLICY
    ) -> None:
        self._policy = policy
        self._base = base
        self._install = find()
        self.root = base / "root"
        self.state = base / "state"
        self.etc = base / "etc"
        self._hoster_dialplan = hoster_dialplan
        self._verbose = verbose
        self._holder: subprocess.Popen[bytes] | None = None
        self._holder_pid = 0
        self._started: list[subprocess.Popen[str]] = []
        self._asterisk: subprocess.Popen[str] | None = None
        self._agi: subprocess.Popen[str] | None = None
        self._agi_notes: Path = base / "blocked.jsonl"
        self._agi_out: IO[str] | None = None
        self.database = self.state / "realtime.sqlite3"
        self.projection = Projection(self.database)
        self.caps = (10, 200)
        """Announcements of a virtual PBX, and of all, above which the dialplan lets none play."""
        self.more_files: dict[str, str] = {}
        """Files of Asterisk's own directory beside those that every test has."""
        self.tenants_file = base / "tenants.json"

    def start(self, tenants: Iterable[Pbx]) -> None:
        self._directories()
        self.hold(list(tenants))
        install_default_audios(self.state / "sounds")
        self._configure()
        self.owned_by_asterisk()
        self._holder = subprocess.Popen(
            # An interrupted run kills its workers without a word; what they hold dies with them.
            ["setpriv", "--pdeathsig=KILL", "unshare", *HOLD, "sleep", "infinity"],
            stderr=subprocess.DEVNULL,
        )
        self._holder_pid = _child_of(self._holder.pid)
        self._inside(["ip", "link", "set", "lo", "up"])
        for address in (NODE, PHONES, CARRIER):
            self._inside(["ip", "addr", "add", f"{address}/32", "dev", "lo"])
        self._mount()
        self.start_asterisk()

    def start_asterisk(self) -> None:
        """Start Asterisk and wait until it is fully up."""
        daemon = ("/usr/sbin/asterisk", "-f", "-U", "asterisk", "-G", "asterisk")
        self._asterisk = self.spawn([*before_others(), *self.chroot(), *daemon])
        console = Path(f"/proc/{self._holder_pid}/root{self.root}/run/asterisk/asterisk.ctl")
        until = time.monotonic() + 30
        while time.monotonic() < until:
            # Each question is a process; one that comes too early is for nothing.
            if console.exists() and "fully booted" in self.cli("core waitfullybooted"):
                return
            time.sleep(0.05)
        raise TimeoutError(self.log())

    def processor_time(self) -> float:
        """Seconds that Asterisk has used of a processor."""
        assert self._asterisk is not None
        fields = Path(f"/proc/{_child_of(self._asterisk.pid)}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop_asterisk(self) -> None:
        assert self._asterisk is not None
        self.cli("core stop now")
        self._asterisk.wait(10)

    def stop(self) -> None:
        self.projection.close()
        self.stop_agi()
        if self._holder is not None:
            os.kill(self._holder_pid, signal.SIGKILL)
            self._holder.wait(10)
        for process in self._started:
            process.wait(10)
        shutil.rmtree(self._base, ignore_errors=True)

    def hold(self, tenants: list[Pbx], library: Library = NOTHING, *, confirmed: bool = True) -> Difference:
        """Project ``tenants`` and their audios to Asterisk and tell the gate of them."""
        self._tell("library.json", library)
        audios = {
            pbx.id: {kind: [found.stem for found in library.choices(kind, pbx.id, pbx.language)] for kind in Kind}
            for pbx in tenants
        }
        self._tell(self.tenants_file.name, tenants)
        found = self.projection.apply(tenants, audios=audios, confirmed=confirmed)
        if self._asterisk is not None:
            memory.forget(self.cli, found)
        self.owned_by_asterisk()
        return found

    def _tell(self, name: str, facts: object) -> None:
        fresh = self._base / f"{name}.new"
        fresh.write_bytes(msgspec.json.encode(facts))
        fresh.replace(self._base / name)

    def start_agi(
        self, program: str = "tests.integration.one_asterisk.agi_process", port: int = 4573
    ) -> subprocess.Popen[str]:
        self._agi_notes.write_text("")
        self._agi_out = self._agi_notes.open("a")
        sounds = "/var/lib/asterisk-ext/sounds"
        words = [sys.executable, "-m", program, str(port), str(self.tenants_file), sounds]
        self._tell("policy.json", self._policy)
        self._agi = self.spawn(words, cwd=SOURCE, stdout=self._agi_out)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if "LISTEN" in self._inside(["ss", "-Hltn", f"sport = :{port}"]):
                return self._agi
            time.sleep(0.05)
        raise TimeoutError("the gate did not start")

    def keep_agi(self) -> None:
        """The gate's service runs, now or still, and has noted nothing."""
        if self._agi is None:
            self.start_agi()
        self._agi_notes.write_text("")

    def signal_agi(self, number: signal.Signals) -> None:
        """nsenter runs the program as its child in the other pid namespace, and stops when its child is stopped."""
        assert self._agi is not None
        os.kill(_child_of(self._agi.pid), number)
        if number is signal.SIGCONT:
            self._agi.send_signal(number)

    def stop_agi(self) -> None:
        if self._agi is not None and self._agi.poll() is None:
            self.signal_agi(signal.SIGKILL)
            self._agi.send_signal(signal.SIGCONT)
            self._agi.wait(5)
        if self._agi_out is not None:
            self._agi_out.close()
        self._agi = None

    def end(self, process: subprocess.Popen[str]) -> None:
        """Kill what ``spawn`` has started: nsenter and its child."""
        if process.poll() is None:
            os.kill(_child_of(process.pid), signal.SIGKILL)
            process.wait(5)

    def blocked_calls(self) -> list[dict[str, object]]:
        """As they were noted last."""
        notes = [json.loads(line) for line in self._agi_notes.read_text().splitlines()]
        return list({(note["channel"], note["at"]): note for note in notes}.values())

    def bills(self) -> list[dict[str, str]]:
        """Asterisk's call detail records, by their columns; what is not answered is not billed."""
        path = self._base / "log/cdr-csv/Master.csv"
        if not path.exists():
            return []
        return [dict(zip(CDR_FIELDS, row, strict=False)) for row in csv.reader(path.read_text().splitlines())]

    def cli(self, command: str) -> str:
        return self._inside([*self.chroot(), "/usr/sbin/asterisk", "-rx", command], check=False)

    def log(self) -> str:
        return (self.etc.parent / "log/messages").read_text()

    def socket(self, ip: str, port: int) -> socket.socket:
        """A UDP socket inside the network namespace."""

        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((ip, port))
            return made

        return self.in_network(make)

    def in_network(self, make: Callable[[], Made]) -> Made:
        """Run ``make`` in a thread of the network namespace; what it opens stays there (setns(2))."""
        results: list[Made | BaseException] = []

        def run() -> None:
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                with Path(f"/proc/{self._holder_pid}/ns/net").open("rb") as namespace:
                    if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), "setns")
                results.append(make())
            except BaseException as error:
                results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if isinstance(results[0], BaseException):
            raise results[0]
        return results[0]

    def spawn(
        self,
        words: list[str],
        cwd: Path | None = None,
        stdout: IO[str] | int = subprocess.DEVNULL,
        stderr: int | None = None,
    ) -> subprocess.Popen[str]:
        """Start a program inside; it ends with the namespaces."""
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        enter = ["nsenter", "--target", str(self._holder_pid), "--net", "--mount", "--pid", *_at(cwd)]
        started = subprocess.Popen([*enter, "--", *words], text=True, stdout=stdout, stderr=stderr, env=environment)
        self._started.append(started)
        return started

    def _inside(self, words: list[str], check: bool = True) -> str:
        enter = ["nsenter", "--target", str(self._holder_pid), "--net", "--mount", "--pid", "--"]
        done = subprocess.run([*enter, *words], capture_output=True, text=True, check=check, timeout=30)
        return done.stdout + done.stderr

    def chroot(self) -> list[str]:
        return ["chroot", str(self.root)]

    def _directories(self) -> None:
        for place in (
            self.root,
            self.state,
            self.etc,
            *(self._base / name for name in ("log/cdr-csv", "upper", "work")),
        ):
            place.mkdir(parents=True)

    def _mount(self) -> None:
        layers = f"lowerdir={self._install.root},upperdir={self._base / 'upper'},workdir={self._base / 'work'}"
        self._inside(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)])
        for source, target in (
            (self.etc, "etc/asterisk"),
            (self.state, "var/lib/asterisk-ext"),
            (self._base / "log", "var/log/asterisk"),
            (Path("/dev"), "dev"),
            (Path("/proc"), "proc"),
        ):
            place = self.root / target
            self._inside(["mkdir", "-p", str(place)])
            self._inside(["mount", "--bind", str(source), str(place)])
        # As every machine has; without, Asterisk asks the domain name system for its own name in each call.
        self._inside(["cp", "/etc/hosts", str(self.root / "etc/hosts")])
        self._inside(["mkdir", "-p", str(self.root / "run/asterisk")])
        self._inside([*self.chroot(), "chown", "asterisk:", "/run/asterisk"])

    def _configure(self) -> None:
        modules, loaded = self._install.modules, (SOURCE / "asterisk_ext/lab/etc/modules.conf").read_text()
        main = {
            "asterisk.conf": f"[directories]\nastmoddir = {modules}\n[options]\nhideconnect = yes\n"
            f"verbose = {self._verbose}\n",
            "modules.conf": loaded.replace("noload = cdr_csv.so", ""),
            "rtp.conf": "[general]\nrtpstart = 20000\nrtpend = 29999\n",
            "cdr.conf": "[general]\nenable = yes\nunanswered = yes\n[csv]\nusegmtime = yes\nloguniqueid = yes\n",
            "manager.conf": "[general]\nenabled = no\n",
            "pjsip.conf": f"[udp]\ntype = transport\nprotocol = udp\nbind = {NODE}:5060\n",
            "extensions.conf": f"[general]\nstatic = yes\n{self._hoster_dialplan}\n",
            **self.more_files,
            "logger.conf": "[logfiles]\nmessages => notice,warning,error,verbose\n",
        }
        config = BaseConfig(
            database="/var/lib/asterisk-ext/realtime.sqlite3",
            missed_calls="/var/lib/asterisk-ext/missed_calls",
            tracking=AriUser(user="asterisk-ext", password="tracking-password"),
            hangup=AriUser(user="asterisk-ext-hangup", password="hanging-up-password"),
            policy=self._policy,
            tenant_cap=self.caps[0],
            node_cap=self.caps[1],
        )
        for name, included in includes().items():
            main[name] = main.get(name, "") + f'#include "{included}"\n'
        for name, text in {**main, **render(config)}.items():
            (self.etc / name).write_text(text)

    def owned_by_asterisk(self) -> None:
        """Hand every file over to Asterisk's user, as where the node service runs as that user."""
        uid, gid = self._install.uid, self._install.gid
        for place in (self.state, self.etc, self._base / "log"):
            for path in (place, *place.rglob("*")):
                os.chown(path, uid, gid)
        for parent in (self._base, *self._base.parents):
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)


def _at(directory: Path | None) -> list[str]:
    return [f"--wdns={directory}"] if directory else []


def _child_of(pid: int) -> int:
    """The first child of ``pid``, as soon as there is one."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        time.sleep(0.01)
    raise TimeoutError(f"{pid} has no child")
