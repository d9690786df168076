"""A stolen node does not own the fleet: every write that it may try at the registry is refused and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_aiohttp import AiohttpServer

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.node_rights import LARGEST, NOT_A_CONSOLE, NOT_YOURS, TOO_MUCH
from asterisk_ext.ports import MOVED_MARK, Registry
from asterisk_ext.registry import served as served_engine
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.services import records
from tests.contract.test_registry import served

STOLEN = "node3"

CONSOLES_ONLY = {
    "the map of maintenance": records.MAINTENANCE,
    "a night of maintenance": records.plan_key("node2"),
    "a server": records.server_key("node2"),
    "its own server": records.server_key(STOLEN),
    "a virtual PBX": records.tenant_key(1),
    "a user": f"{records.USERS}admin",
    "a token of the API": f"{records.TOKENS}{'0' * 64}",
    "a join token": records.join_key("node4"),
    "a join token for itself": records.join_key(STOLEN),
    "a lifted ban": records.lift_key("192.0.2.9"),
    "whom nobody bans": f"{records.NEVER_BAN}0.0.0.0/0",
    "another server's word, withdrawn": records.withdrawn_key("node2"),
    "an audio": records.audio_key("closed"),
    "what is heard by default": records.audio_use_key(None),
    "another server's draft of a firewall": f"{records.FIREWALL_DRAFTS}node2",
    "another server's firewall": f"{records.FIREWALL_RULES}node2",
    "a server's firewall whose name begins alike": f"{records.FIREWALL_RULES}{STOLEN}3",
    "a firewall's template": f"{records.FIREWALL_TEMPLATES}office",
    "a list of addresses": f"{records.FIREWALL_LISTS}office",
    "what nobody has thought of yet": "something/new",
    "a record without a name": "",
}
NOBODYS = {
    "another server's bans": records.evidence_key("node2", "192.0.2.9"),
    "the bans of a server whose name begins alike": records.evidence_key(f"{STOLEN}3", "192.0.2.9"),
    "the registry's life": records.LIFE,
    "the fleet's consoles": records.CONSOLES,
    "the mark of a registry that moved": MOVED_MARK,
    "what the DNS server says": records.NAMES,
}
CERTIFICATES = {"its certificates": records.certificate_key(STOLEN), "another's": records.certificate_key("node2")}
Parties = tuple[EmbeddedRegistry, Registry]


@pytest.fixture
async def stolen(tmp_path: Path, aiohttp_server: AiohttpServer) -> AsyncIterator[Parties]:
    """The registry, and the way to it of a node that is no console."""
    own, remote = await served(tmp_path, aiohttp_server, STOLEN)
    yield own, remote
    await remote.close()
    await own.close()


@pytest.fixture
async def console(tmp_path: Path, aiohttp_server: AiohttpServer) -> AsyncIterator[Parties]:
    own, remote = await served(tmp_path, aiohttp_server, "node1")
    yield own, remote
    await remote.close()
    await own.close()


async def refused_all(parties: Parties, key: str, value: bytes = b"true") -> set[str]:
    """Create, change and remove ``key``; the ids of the refusals, once nothing has changed."""
    own, remote = parties
    refusals = set()
    with pytest.raises(Refusal) as creating:
        await remote.create(key, b"mine")
    refusals.add(creating.value.error_id)
    assert await own.get(key) is None
    written = await own.create(key, value)
    before = await own.snapshot("")
    for change in (remote.compare_and_set(key, b"mine", written), remote.delete(key, written)):
        with pytest.raises(Refusal) as changing:
            await change
        refusals.add(changing.value.error_id)
    assert await own.snapshot("") == before
    return refusals


@pytest.mark.parametrize("key", CONSOLES_ONLY.values(), ids=CONSOLES_ONLY)
async def test_what_an_operator_changes_a_stolen_node_cannot(stolen: Parties, key: str) -> None:
    assert await refused_all(stolen, key) == {NOT_A_CONSOLE.error_id}


@pytest.mark.parametrize("key", NOBODYS.values(), ids=NOBODYS)
async def test_neither_a_stolen_node_nor_a_console_replaces_the_registry_or_speaks_for_another(
    stolen: Parties, key: str
) -> None:
    assert await refused_all(stolen, key) == {NOT_YOURS.error_id}


@pytest.mark.parametrize("key", NOBODYS.values(), ids=NOBODYS)
async def test_a_console_cannot_replace_the_registry_or_speak_for_another(console: Parties, key: str) -> None:
    assert await refused_all(console, key) == {NOT_YOURS.error_id}


@pytest.mark.parametrize("key", CERTIFICATES.values(), ids=CERTIFICATES)
async def test_a_stolen_node_admits_nobody_and_shuts_nobody_out(stolen: Parties, key: str) -> None:
    assert await refused_all(stolen, key) == {NOT_YOURS.error_id, NOT_A_CONSOLE.error_id}


async def test_a_console_shuts_out_and_admits_nobody(console: Parties) -> None:
    own, remote = console
    key = records.certificate_key("node2")
    with pytest.raises(Refusal) as refusal:
        await remote.create(key, b"[]")
    assert refusal.value.problem is NOT_YOURS
    await remote.delete(key, await own.create(key, b"[]"))
    assert await own.get(key) is None


@pytest.mark.parametrize("key", CONSOLES_ONLY.values(), ids=CONSOLES_ONLY)
async def test_a_console_changes_what_an_operator_changes(console: Parties, key: str) -> None:
    own, remote = console
    await remote.delete(key, await remote.compare_and_set(key, b"new", await remote.create(key, b"old")))
    assert await own.get(key) is None


async def test_a_stolen_node_adds_to_the_journal_and_rewrites_nothing_of_it(stolen: Parties) -> None:
    own, remote = stolen
    key, others = f"{records.AUDIT}{STOLEN}/1", f"{records.AUDIT}node2/1"
    line, another = await remote.create(key, b"true"), await own.create(others, b"true")
    before = await own.snapshot("")
    for change in (
        remote.create(key, b"mine"),
        remote.compare_and_set(key, b"mine", line),
        remote.delete(key, line),
        remote.create(f"{records.AUDIT}node2/2", b"mine"),
        remote.compare_and_set(others, b"mine", another),
        remote.delete(others, another),
    ):
        with pytest.raises(Refusal):
            await change
    assert await own.snapshot("") == before


async def test_a_stolen_node_neither_brings_nor_takes_audios(stolen: Parties) -> None:
    own, remote = stolen
    name = await own.put_blob(b"audio")
    for change in (remote.put_blob(b"another"), remote.drop_blob(name)):
        with pytest.raises(Refusal) as refusal:
            await change
        assert refusal.value.problem is NOT_A_CONSOLE
    assert await own.blobs() == [name]
    assert await remote.get_blob(name) == b"audio"


async def test_a_stolen_node_reports_of_itself_only(stolen: Parties) -> None:
    own, remote = stolen
    with pytest.raises(Refusal) as refusal:
        await remote.beat("node2", 6.0, b"all is well")
    assert refusal.value.problem is NOT_YOURS
    assert await own.beats() == {}


@pytest.mark.parametrize(
    "key",
    [
        records.evidence_key(STOLEN, "192.0.2.9"),
        f"{records.FIREWALL_DRAFTS}{STOLEN}",
        f"{records.FIREWALL_RULES}{STOLEN}",
    ],
)
async def test_a_node_that_is_no_console_writes_what_is_its_own(stolen: Parties, key: str) -> None:
    own, remote = stolen
    await remote.delete(key, await remote.compare_and_set(key, b"new", await remote.create(key, b"old")))
    await remote.beat(STOLEN, 6.0, b"report")
    assert set(await own.beats()) == {STOLEN}


async def test_the_refusal_names_where_it_can_be_done(stolen: Parties) -> None:
    _, remote = stolen
    with pytest.raises(Refusal) as refusal:
        await remote.create(records.MAINTENANCE, b"{}")
    assert refusal.value.what == "Nothing was changed: node3 is no console of the fleet and may not change maintenance."
    assert refusal.value.remedy == "Do it on a console of the fleet: node1."


async def test_a_stolen_node_cannot_fill_the_registrys_disk(stolen: Parties) -> None:
    own, remote = stolen
    long, large = records.evidence_key(STOLEN, "1" * 300), records.evidence_key(STOLEN, "192.0.2.9")
    for key, value in ((long, b"x"), (large, b"x" * (LARGEST + 1))):
        with pytest.raises(Refusal) as refusal:
            await remote.create(key, value)
        assert refusal.value.problem is TOO_MUCH
    assert (await own.snapshot(""))[0] == []


async def test_a_stolen_node_that_writes_without_end_is_refused_and_the_consoles_are_not(
    tmp_path: Path, aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_engine, "BURST", 3.0)
    monkeypatch.setattr(served_engine, "A_SECOND", 0.0)
    own, remote = await served(tmp_path, aiohttp_server, STOLEN)
    for number in range(3):
        await remote.create(f"{records.AUDIT}{STOLEN}/{number}", b"x")
    with pytest.raises(Refusal) as refusal:
        await remote.create(f"{records.AUDIT}{STOLEN}/3", b"x")
    assert refusal.value.problem is TOO_MUCH
    assert len((await own.snapshot(""))[0]) == 3
    await remote.close()
    await own.close()
    again = tmp_path / "console"
    again.mkdir()
    own, remote = await served(again, aiohttp_server, "node1")
    for number in range(6):
        await remote.create(f"{records.TENANTS}{number}", b"x")
    await remote.close()
    await own.close()
