"""Asterisk's realtime database loses every account while phones are registered; run by a test, and by hand with more.

``python -m tests.integration.empty_database LAB NODE PHONES`` prints what happened.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.integration.fleet import Lab
from tests.integration.guard_ground import REALTIME, Ground, until
from tests.integration.sip_phone import Phone
from tests.integration.sip_raw import Guesser

PBXS = {"node1": 71, "node2": 72}
SECRET = "a-phone-s-own-secret"
ACCOUNTS = ("ps_endpoints", "ps_auths", "ps_aors")
ROUNDS = 5
"""How often each phone tries while it is a stranger: one more than makes a ban."""
AT_ONCE = 20
RUN = """
import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=10)
with database:
    for statement in sys.argv[2:]:
        rows = database.execute(statement).fetchall()
print(json.dumps(rows))
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    phones: int
    refused: int
    """Registrations that failed while the database was empty."""
    suspended: bool
    """The guard said that this is no attack."""
    attacker: str
    banned: list[str]
    dropped_out: list[str]
    """Phones that could not register afterwards."""


async def happen(ground: Ground, lab: Lab, node: str, count: int) -> Outcome:
    import_tenant(ground, lab, node, count)
    phones = [
        Phone((ground.ip(node), 5060), own, 5060, f"{PBXS[node]}_{1000 + number}", SECRET)
        for number, own in enumerate(ground.addresses(count, "phones1"))
    ]
    for phone in phones:
        await phone.open(lambda ip, port: ground.bound(ip, port, "phones1"))
    try:
        assert all(await each(phones))
        with ground.events(node) as events, emptied(lab, node):
            refused = 0
            for _ in range(ROUNDS):
                refused += (await each(phones)).count(False)
            attacker = attack(ground, node)
            ground.settled(node)
            banned = ground.bans(node)
            told = {event["event"] for event in until_banned(events, attacker)}
        again = await each(phones)
    finally:
        for phone in phones:
            phone.close()
    dropped_out = [phone.ip for phone, registered in zip(phones, again, strict=True) if not registered]
    return Outcome(count, refused, "suspended" in told, attacker, banned, dropped_out)


async def each(phones: list[Phone]) -> list[bool]:
    """Every phone registers once; which succeeded."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(phone: Phone) -> bool:
        async with turns:
            try:
                return (await phone.register()).final == 200
            except TimeoutError:
                return False

    return list(await asyncio.gather(*map(one, phones)))


def attack(ground: Ground, node: str) -> str:
    own = ground.address()
    with ground.udp(own) as sender:
        guesser = Guesser(sender, ground.ip(node), "stranger")
        until(lambda: not guesser.guess(), "the attacker is shut out")
    return own


def until_banned(events: Iterator[Mapping[str, Any]], source: str) -> Iterator[Mapping[str, Any]]:
    for event in events:
        yield event
        if (event["event"], event.get("source")) == ("banned", source):
            return


def import_tenant(ground: Ground, lab: Lab, node: str, count: int) -> None:
    """A virtual PBX of so many extensions on a node; it stays."""
    trunk = f"trunk{PBXS[node]}"
    numbers = [str(1000 + number) for number in range(count)]
    made = {
        "id": PBXS[node],
        "name": "Central de Atendimento",
        "domain": f"atendimento-{node}.example",
        "home": node,
        "extensions": [{"number": number, "secret": SECRET} for number in numbers],
        "trunks": [{"name": trunk, "host": ground.ip("carrier")}],
        "emergency_trunks": [trunk],
    }
    lab.ext("node1", "pbx", "import", "-", given=json.dumps({"tenants": [made]}))
    query = f"SELECT count(*) FROM ps_endpoints WHERE id GLOB '{PBXS[node]}_1*'"  # noqa: S608
    until(lambda: in_database(lab, node, query) == [[count]], "the accounts reach Asterisk", 60)


@contextmanager
def emptied(lab: Lab, node: str) -> Iterator[None]:
    """All accounts gone, and back again."""
    in_database(lab, node, *(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}" for table in ACCOUNTS))  # noqa: S608
    in_database(lab, node, *(f"DELETE FROM {table}" for table in ACCOUNTS))  # noqa: S608
    yield
    for table in ACCOUNTS:
        back = f"INSERT OR REPLACE INTO {table} SELECT * FROM kept_{table}"  # noqa: S608
        in_database(lab, node, back, f"DROP TABLE kept_{table}")


def in_database(lab: Lab, node: str, *statements: str) -> Any:
    """Run statements in one transaction on the node's realtime database; the last one's rows."""
    done = lab.run(node, sys.executable, "-I", "-S", "-c", RUN, f"/{REALTIME}", *statements)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


if __name__ == "__main__":
    print(asyncio.run(happen(Ground(sys.argv[1]), Lab(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
