"""What an operator changes holds at once on a real Asterisk with the whole node service, calls in progress included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict

import pytest

from asterisk_ext import config
from tests.integration.one_asterisk.asterisk import NODE, PHONES
from tests.integration.one_asterisk.lines import PORTS, TENANTS, Line, dial
from tests.integration.one_asterisk.node_on_asterisk import NodeOnAsterisk, node_on_asterisk
from tests.integration.sip_phone import Phone

UNKNOWN_NUMBER = "4830009999"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeOnAsterisk]:
    with node_on_asterisk(tmp_path_factory.mktemp("node"), config.Gate(cut_calls=True)) as made:
        made.add_servers("node1")
        made.ask("POST", "pbx/import", data={"tenants": [asdict(pbx) for pbx in TENANTS[:2]]})
        made.until_known(TENANTS[1].id)
        yield made


async def test_a_total_block_cuts_the_tenants_calls_but_no_emergency_and_nobody_elses(node: NodeOnAsterisk) -> None:
    line = Line(node.one)
    await line.carrier()
    for called in ("1_201", "2_201"):
        await line.phone(called)
    for caller, number in (("1_200", "201"), ("1_202", "190"), ("2_200", "201")):
        await (await line.phone(caller)).reach(number)
    await until(node, {"1_200", "1_201", "1_202", "1_trunk14", "2_200", "2_201"})
    await asyncio.to_thread(node.ask, "POST", "pbx/1/status", {"status": "total_block", "reason": "test"})
    await until(node, {"1_202", "1_trunk14", "2_200", "2_201"})
    assert (await dial(line, "1_200", "190")).final == 200
    await until(node, {"1_202", "1_trunk14", "2_200", "2_201"})
    node.one.cli("channel request hangup all")
    await line.close()


async def test_a_changed_password_holds_at_the_next_registration_and_a_removed_extension_registers_no_more(
    node: NodeOnAsterisk,
) -> None:
    """Though Asterisk remembers accounts for a second."""

    async def ask(method: str, body: object = None) -> None:
        await asyncio.to_thread(node.ask, method, "pbx/2/extensions/209", body)

    former = await Phone((NODE, 5060), PHONES, next(PORTS), "2_209", "the former one").open(node.one.socket)
    latter = await Phone((NODE, 5060), PHONES, next(PORTS), "2_209", "the latter one").open(node.one.socket)
    await ask("PUT", {"number": "209", "secret": "the former one"})
    assert [(await phone.register()).final for phone in (former, latter)] == [200, 401]
    await ask("PUT", {"number": "209", "secret": "the latter one"})
    assert [(await phone.register()).final for phone in (former, latter)] == [401, 200]
    await ask("DELETE")
    assert (await latter.register()).final == 401
    former.close()
    latter.close()


async def test_a_carriers_address_is_known_as_soon_as_its_trunk_is_saved_and_no_longer_once_it_is_removed(
    node: NodeOnAsterisk,
) -> None:
    """Though Asterisk remembers all carriers' addresses for seconds, and a stranger has just had it read them."""
    carrier = await Phone((NODE, 5060), PHONES, next(PORTS), "4899990000").open(node.one.socket)
    assert (await carrier.call(UNKNOWN_NUMBER)).final == 401
    await asyncio.to_thread(node.ask, "PUT", "pbx/2/trunks/trunk99", {"name": "trunk99", "host": PHONES})
    assert (await carrier.call(UNKNOWN_NUMBER)).final == 404
    await asyncio.to_thread(node.ask, "DELETE", "pbx/2/trunks/trunk99")
    assert (await carrier.call(UNKNOWN_NUMBER)).final == 401
    carrier.close()


async def until(node: NodeOnAsterisk, wanted: set[str]) -> None:
    """The channels that are up are those of ``wanted``."""
    names: set[str] = set()
    try:
        async with asyncio.timeout(60):
            while names != wanted:
                told = await asyncio.to_thread(node.one.cli, "core show channels concise")
                lines = [row.partition("!")[0] for row in told.splitlines() if row.count("!") > 8]
                names = {name.removeprefix("PJSIP/").rpartition("-")[0] for name in lines}
    except TimeoutError:
        raise AssertionError(f"{names} are up, not {wanted}") from None
