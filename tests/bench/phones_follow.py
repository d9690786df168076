"""How many phones have followed a maintenance, some seconds after it was asked for.

asterisk-ext lab up --detach --name bench --nodes 2 --dns --dns-ttl 30
python -m tests.bench.phones_follow bench [--phones 24] [--expiry 60 120] [--flips 4]

Each phone is a baresip of its own, registers for as long as it likes within these bounds, and asks a resolver that
remembers names as long as they allow. No maintenance is planned ahead, so nothing was shortened for it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import cycle
from statistics import median

from asterisk_ext.lab import names, phones, private_files
from asterisk_ext.lab.machines import SCRATCH
from asterisk_ext.lab.topology import DNS_PORT, SIP_PORT, registration_name
from tests.bench.table import show
from tests.integration.fleet import Lab
from tests.integration.guard_ground import Ground, until
from tests.integration.own_lab.night import registered

TENANT, SECRET, FIRST_PORT, PATIENCE = 5000, "a-phone-s-own-secret", 6000, 120.0
NODES = ("node1", "node2")
MARKS = (30, 60, 90, 120, 150)
PLACE = "mnt/followers"
RESOLVER = """options {{
  directory "{place}"; pid-file none; session-keyfile none; lock-file none;
  listen-on port {port} {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-recursion {{ any; }}; dnssec-validation no; empty-zones-enable no;
  forward only; forwarders {{ {server} port {port}; }};
}};
controls {{ }};
"""


class Followers:
    """``count`` phones of one virtual PBX, and the resolver that they ask."""

    def __init__(self, lab: Lab, count: int, expiry: tuple[int, int]) -> None:
        self._lab, self._ground = lab, Ground(lab.name)
        self.accounts = {f"{TENANT}_{2000 + number}" for number in range(count)}
        shortest, longest = expiry
        step = (longest - shortest) / max(count - 1, 1)
        self._seconds = [round(shortest + number * step) for number in range(count)]
        self._address = self._ground.address("phones1")

    @contextmanager
    def registered(self) -> Iterator[None]:
        """Within the block they live; at its beginning all are with the first server."""
        private_files.write(self._ground.file("phones1", PLACE), {}, phones.NOBODY, phones.NOBODY)
        with ExitStack() as stack:
            self._resolver(stack)
            for number, account in enumerate(sorted(self.accounts)):
                self._phone(stack, number, account)
            until(lambda: self.accounts <= registered(self._lab, NODES[0]), "the phones register", PATIENCE)
            yield

    def at(self, node: str) -> int:
        """How many are registered there."""
        return len(self.accounts & registered(self._lab, node))

    def tenant(self) -> dict[str, object]:
        extensions = [{"number": account.partition("_")[2], "secret": SECRET} for account in sorted(self.accounts)]
        return {
            "id": TENANT,
            "name": "Followers",
            "domain": "followers.bench.example",
            "home": NODES[0],
            "extensions": extensions,
            "trunks": [{"name": "trunk5000", "host": self._ground.ip("carrier")}],
            "emergency_trunks": ["trunk5000"],
        }

    def _resolver(self, stack: ExitStack) -> None:
        text = RESOLVER.format(
            place=SCRATCH / "followers", port=DNS_PORT, address=self._address, server=self._ground.ip(names.MACHINE)
        )
        place = self._write("resolver", {"named.conf": text})
        stack.enter_context(self._running("resolver", names.command(f"{place}/named.conf")))

    def _phone(self, stack: ExitStack, number: int, account: str) -> None:
        topology = self._ground.plan.topology
        host = replace(topology.host("phones1"), ipv4=self._address)
        port = FIRST_PORT + 2 * number
        config = phones.files(host, (), topology)["config"]
        config = config.replace(f":{SIP_PORT}\n", f":{port}\ndns_server {self._address}:{DNS_PORT}\n")
        line = (
            f"<sip:{account}@{registration_name(NODES[0])}>;auth_user={account};auth_pass={SECRET}"
            f";regint={self._seconds[number]};audio_codecs=pcma\n"
        )
        place = self._write(account, {"config": config, "accounts": line})
        stack.enter_context(self._running(account, ("baresip", "-4", "-f", place)))

    def _write(self, name: str, texts: dict[str, str]) -> str:
        private_files.write(self._ground.file("phones1", f"{PLACE}/{name}"), texts, phones.NOBODY, phones.NOBODY)
        return str(SCRATCH / "followers" / name)

    @contextmanager
    def _running(self, name: str, command: tuple[str, ...]) -> Iterator[None]:
        machine = f"--target={self._ground.holders['phones1']}"
        line = ["nsenter", machine, "--net", "--mount", "--", *phones.as_nobody(command)]
        with self._ground.file("phones1", f"{PLACE}/{name}.log").open("wb") as log:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()


async def flip(lab: Lab, followers: Followers, words: tuple[str, ...], node: str, seconds: int) -> list[float]:
    """The share that is registered at ``node`` after each second from the request on."""
    began = time.monotonic()
    asked = asyncio.create_task(asyncio.to_thread(lab.ext, NODES[0], "server", "maintenance", *words))
    shares = []
    for second in range(1, seconds + 1):
        await asyncio.sleep(max(began + second - time.monotonic(), 0))
        shares.append(await asyncio.to_thread(followers.at, node) / len(followers.accounts))
    await asked
    return shares


async def measure(lab: Lab, followers: Followers, flips: int, seconds: int) -> list[list[float]]:
    """Away and home, by turns."""
    there, back = ("enter", *NODES), ("leave", NODES[0])
    ways = cycle(((there, NODES[1]), (back, NODES[0])))
    found = []
    for (words, node), _ in zip(ways, range(flips), strict=False):
        found.append(await flip(lab, followers, words, node, seconds))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("lab")
    parser.add_argument("--phones", type=int, default=24)
    parser.add_argument("--expiry", type=int, nargs=2, default=(60, 120), metavar=("SHORTEST", "LONGEST"))
    parser.add_argument("--flips", type=int, default=4, help="an even number: all are at home then")
    parser.add_argument("--seconds", type=int, default=150)
    wanted = parser.parse_args()
    lab = Lab(wanted.lab)
    followers = Followers(lab, wanted.phones, tuple(wanted.expiry))
    lab.ext(NODES[0], "pbx", "import", "-", given=json.dumps({"tenants": [followers.tenant()]}))
    with followers.registered():
        found = asyncio.run(measure(lab, followers, wanted.flips, wanted.seconds))
    with contextlib.suppress(AssertionError):
        lab.ext(NODES[0], "pbx", "remove", str(TENANT))
    marks = [mark for mark in MARKS if mark <= wanted.seconds] or [wanted.seconds]
    shortest, longest = wanted.expiry
    title = f"{wanted.phones} phones, registered for {shortest} to {longest} s, names remembered for "
    show(
        f"{title}{lab_ttl(lab)} s, {wanted.flips} flips",
        [
            ("seconds after the request", *map(str, marks)),
            (
                "phones at the other server, median",
                *(_percent(median(at(found, mark))) for mark in marks),
            ),
            ("fewest", *(_percent(min(at(found, mark))) for mark in marks)),
        ],
    )


def at(found: list[list[float]], mark: int) -> list[float]:
    return [shares[mark - 1] for shares in found]


def lab_ttl(lab: Lab) -> int:
    return Ground(lab.name).plan.dns_ttl


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


if __name__ == "__main__":
    main()
