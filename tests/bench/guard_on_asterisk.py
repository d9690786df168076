"""From the fourth failure's line in real Asterisk's log to the first packet dropped, on a running lab; fail2ban beside.

asterisk-ext lab up --detach --name bench --driver nftables --driver iptables
python -m tests.bench.guard_on_asterisk bench [--attackers 50] [--bursts 5] [--seconds 40]

Each attacker is an address of its own that guesses four passwords at once as fast as the node answers. Meanwhile it
sends numbered packets to an open port of the node's; the first that does not arrive is the first dropped. Strangers are
not limited meanwhile. A second table tells how many of a burst of guesses are answered, with that limit and without; a
third what is taken of requests packed into streams: in order over TCP, and in one TLS record, which comes all at once.
fail2ban runs in node1's namespaces in the guard's place, with the same limit, on the same log.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.precedence import before_others
from tests.bench.peers import FAIL2BAN, peer
from tests.bench.table import show
from tests.integration.guard_ground import LOG, Ground, until
from tests.integration.sip_packed import answer, connected, insist
from tests.integration.sip_raw import Guesser, register, shortest, wrong_answer

TLS_PORT = 5061
LISTENING = 15999
"""Among the open ports of media."""
PROBE_SECONDS = 0.0002
SILENCE_SECONDS = 0.05
GIVE_UP_SECONDS = 5.0
BURST = 300
PACKED = (
    "the shortest requests over TCP",
    "the shortest guesses over TCP",
    "guesses in a TLS record: taken",
    "answered",
)
IN_A_RECORD = 14
REST_SECONDS = 0.5
Fill = Callable[[Ground, str, str, Callable[[], bytes]], None]
JAIL = """[DEFAULT]
banaction = nftables[type=allports]
[asterisk]
enabled = true
filter = asterisk
logpath = /var/log/asterisk/security
backend = pyinotify
maxretry = 4
findtime = 6h
bantime = 24h
"""


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("lab")
    options.add_argument("--attackers", type=int, default=50)
    options.add_argument("--bursts", type=int, default=5)
    options.add_argument("--seconds", type=float, default=40.0, help="how long the first answer to a record is awaited")
    given = options.parse_args()
    ground = Ground(given.lab)
    rows: list[tuple[str, ...]] = [("who", "attackers", "median", "p99", "worst")]
    bursts: list[tuple[str, ...]] = [("who", f"answered of {BURST} guesses at once, {given.bursts} times")]
    packed: list[tuple[str, ...]] = [("who", *PACKED)]
    nodes = (("node1", "1_200"), ("node2", "3_200"))
    for node, _ in nodes:
        # Without a guard each attacker would be waited for in vain; this bench leaves the lab without node1's.
        ground.ask(node, verb="status")
    for node, account in nodes:
        driver = ground.plan.driver(node)
        bursts.append((f"guard, {driver}", _bursts(ground, node, account, given.bursts)))
        packed.append((f"guard, {driver}", *_packed(ground, node, account, given.seconds)))
        ground.unlimit(node)
        bursts.append((f"guard, {driver}, strangers not limited", _bursts(ground, node, account, given.bursts)))
        rows.append(_row(f"guard, {ground.plan.driver(node)}", _measure(ground, node, account, given.attackers)))
        ground.forgive_all(node)
    with _fail2ban(ground, "node1"):
        ground.unlimit("node1")
        rows.append(_row("fail2ban, nftables", _measure(ground, "node1", "1_200", given.attackers)))
        bursts.append(("fail2ban, nftables", _bursts(ground, "node1", "1_200", given.bursts)))
        packed.append(("fail2ban, nftables", *_packed(ground, "node1", "1_200", given.seconds, _pour)))
    show("Guesses on one nonce as fast as they can be sent", bursts)
    show(f"{BURST} requests packed into TCP, {IN_A_RECORD} guesses into a TLS record: taken by Asterisk", packed)
    show("Fourth failure's line written by Asterisk → first packet dropped", rows)


def _row(who: str, took: list[float]) -> tuple[str, ...]:
    p99 = took[max(0, int(len(took) * 0.99) - 1)]
    return (who, str(len(took)), *(f"{value * 1e3:.2f} ms" for value in (statistics.median(took), p99, took[-1])))


def _bursts(ground: Ground, node: str, account: str, count: int) -> str:
    return ", ".join(str(_burst(ground, node, account, own)) for own in ground.addresses(count))


def _burst(ground: Ground, node: str, account: str, own: str) -> int:
    to = ground.ip(node)
    with ground.udp(own) as sender:
        guesser = Guesser(sender, to, account)
        challenge = guesser.challenge()
        for _ in range(BURST):
            answer = wrong_answer(account, to, challenge)
            sender.sendto(register(to, account, own, port=guesser.port, authorization=answer), (to, 5060))
        _rest(ground, node)
    return ground.logged(node, own)


def _packed(ground: Ground, node: str, account: str, seconds: float, fill: Fill = insist) -> tuple[str, ...]:
    """What Asterisk takes of what comes in order, and what of a TLS record, which it reads whole."""
    unknown, guessing, hiding = ground.addresses(3)
    fill(ground, node, unknown, shortest)
    with connected(ground, node, guessing) as stream:
        stream.sendall(shortest(account))
        challenge = answer(stream)
    fill(ground, node, guessing, lambda: shortest(account, wrong_answer(account, "x", challenge)))
    answered = _record(ground, node, hiding, account, seconds)
    taken = ground.logged(node, hiding)
    return (
        str(ground.logged(node, unknown, "ChallengeSent")),
        str(ground.logged(node, guessing)),
        str(taken),
        str(answered),
    )


def _pour(ground: Ground, node: str, own: str, text: Callable[[], bytes]) -> None:
    """All at once into one connection."""
    with connected(ground, node, own) as sender:
        sender.sendall(b"".join(text() for _ in range(BURST)))
        _rest(ground, node)


def _record(ground: Ground, node: str, own: str, account: str, seconds: float) -> int:
    """How many of the guesses in one record are answered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    told = b""
    with connected(ground, node, own, TLS_PORT) as stream, context.wrap_socket(stream) as attacker:
        attacker.sendall(shortest(account))
        challenge = answer(attacker)
        guesses = [shortest(account, wrong_answer(account, "x", challenge)) for _ in range(IN_A_RECORD)]
        attacker.sendall(b"".join(guesses))
        attacker.settimeout(seconds)
        with suppress(TimeoutError, OSError):
            while part := attacker.recv(65_536):
                told += part
                attacker.settimeout(REST_SECONDS)
    return told.count(b"SIP/2.0 ")


def _rest(ground: Ground, node: str) -> None:
    path, size = ground.file(node, LOG), -1
    while size != (size := path.stat().st_size):
        time.sleep(REST_SECONDS)


def _measure(ground: Ground, node: str, account: str, attackers: int) -> list[float]:
    with ground.bound(ground.ip(node), LISTENING, node) as listening:
        listening.setblocking(False)
        return sorted(_latency(ground, node, account, own, listening) for own in ground.addresses(attackers))


def _latency(ground: Ground, node: str, account: str, own: str, listening: socket.socket) -> float:
    to, mark = ground.ip(node), f"/{own}/".encode()
    log = os.open(ground.file(node, LOG), os.O_RDONLY)
    place = os.fstat(log).st_size
    with ground.udp(own) as sender:
        guesser = Guesser(sender, to, account)
        for _ in range(3):
            guesser.guess()
        answer = wrong_answer(account, to, guesser.challenge())
        sender.sendto(register(to, account, own, port=guesser.port, authorization=answer), (to, 5060))
        text, written, sent, heard = b"", 0.0, list[float](), -1
        began = last = time.perf_counter()
        while last - began < GIVE_UP_SECONDS and (
            not written or last - _first_lost(sent, heard, last) < SILENCE_SECONDS
        ):
            last = time.perf_counter()
            if not written:
                text += os.pread(log, 1 << 16, place + len(text))
                failures = [row for row in text.split(b"\n")[:-1] if mark in row and b"ChallengeResponseFailed" in row]
                written = last if len(failures) == 4 else 0.0
            if not sent or last - sent[-1] >= PROBE_SECONDS:
                sender.sendto(str(len(sent)).encode(), (to, LISTENING))
                sent.append(last)
            with suppress(BlockingIOError):
                heard = int(listening.recv(16))
    os.close(log)
    return max(0.0, _first_lost(sent, heard, last) - written)


def _first_lost(sent: list[float], heard: int, now: float) -> float:
    return sent[heard + 1] if len(sent) > heard + 1 else now


@contextmanager
def _fail2ban(ground: Ground, node: str) -> Iterator[None]:
    """In the guard's place; its files are in the node's own /tmp."""
    ground.kill_guard(node)
    place = Path("/tmp/fail2ban")
    shutil.copytree(FAIL2BAN, ground.file(node, str(place).lstrip("/")))
    (ground.file(node, "tmp/fail2ban") / "jail.local").write_text(JAIL)
    (ground.file(node, "tmp/fail2ban") / "jail.d").joinpath("defaults-debian.conf").unlink(missing_ok=True)
    files = ("-c", str(place), "-s", f"{place}/socket", "-p", f"{place}/pid")
    logging = ("--loglevel", "WARNING", "--logtarget", "STDERR")
    command = (*before_others(), *peer("fail2ban-server"), "-f", *files, *logging)
    ask = command_line(ground.plan.name, node, (*peer("fail2ban-client"), *files, "status", "asterisk"))
    # With an output of its own: what reads this bench's would otherwise wait for fail2ban's end too.
    with (ground.file(node, "tmp/fail2ban") / "told").open("wb") as told:
        line = command_line(ground.plan.name, node, command)
        running = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
    try:
        until(lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0, "fail2ban's jail", 30)
        yield
    except BaseException:
        print((ground.file(node, "tmp/fail2ban") / "told").read_text(errors="replace"), file=sys.stderr)
        raise
    finally:
        running.kill()
        running.wait()
        ground.start_guard(node)
        ground.close()


if __name__ == "__main__":
    main()
