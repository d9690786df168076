"""``asterisk-ext firewall``, typed by root on the node: from a rule to its confirmation, and every refusal."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from admin_http.app import build
from asterisk_ext.cli.main import cli, in_words
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.firewall_rule import Rule
from tests.unit.admin_http.world import World

Type = Callable[[str], Awaitable[tuple[int, str]]]
SESSION = "203.0.113.5 50000 198.51.100.10 22"


@pytest.fixture
async def command(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Type]:
    """Types what follows ``asterisk-ext firewall``; the exit status and all that is printed."""
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[node]\nname = "FLN-CORE-01"\nrun = "{tmp_path}"\n')
    monkeypatch.setenv("ASTERISK_EXT_CONFIG", str(settings))
    monkeypatch.setenv("SSH_CONNECTION", SESSION)
    runner = web.AppRunner(build(world.services))
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "admin.sock")).start()

    def typed(line: str) -> tuple[int, str]:
        told = CliRunner().invoke(cli, ["firewall", *shlex.split(line)])
        if isinstance(told.exception, Refusal):
            return 1, in_words(told.exception)
        return told.exit_code, told.output

    yield lambda line: asyncio.to_thread(typed, line)
    await runner.cleanup()


async def rules_of(world: World) -> list[Rule]:
    return [*(await world.services.firewall.table(ROOT, "FLN-CORE-01")).draft]


async def test_a_rule_goes_from_the_draft_over_the_plan_and_the_trial_into_force(command: Type, world: World) -> None:
    assert "in the draft: in allow https" in (await command("allow https --from 203.0.113.0/24 --at 1"))[1]
    assert "in the draft: out deny any" in (await command("deny any --to 192.0.2.0/24 --description 'a scanner'"))[1]
    shown = (await command("rules"))[1]
    assert re.search(r"^1 +in +allow +https +203.0.113.0/24 .*new", shown, re.MULTILINE)
    assert "everything else" in shown
    await command("move 1 2")
    assert [rule.type for rule in await rules_of(world)][1] == "https"
    await command("remove 1")
    kept = await rules_of(world)
    assert kept[0].type == "https"
    status, plan = await command("plan")
    digest = re.search(r"apply with: asterisk-ext firewall apply (\w+) --acknowledge (\d+)", plan)
    assert status == 0 and digest, plan
    assert "in 60 s the rules before return" in (await command(f"apply {digest[1]} --acknowledge {digest[2]}"))[1]
    assert "on trial: " in (await command("rules"))[1]
    assert await command(f"confirm {digest[1]}") == (0, "the rules stay\n")
    assert [rule.type for rule in world.firewall_guard.confirmed.firewall.rules] == [rule.type for rule in kept]
    assert "now: gets in: rule 1 (in allow https" in (await command("explain 203.0.113.5 tcp/443"))[1]
    assert "does not get in: no rule lets it in" in (await command("explain 198.51.100.9 tcp/443"))[1]


async def test_rolling_back_brings_the_rules_before(command: Type, world: World) -> None:
    before = world.firewall_guard.confirmed
    await command("allow https")
    plan = (await command("plan"))[1]
    digest = plan.rpartition("firewall apply ")[2].split()[0]
    await command(f"apply {digest}")
    assert await command("rollback") == (0, "the rules before are in force\n")
    assert (world.firewall_guard.pending, world.firewall_guard.confirmed) == (None, before)
    status, told = await command(f"confirm {digest}")
    assert (status, told.split(":")[0]) == (1, "firewall.not_on_trial")


async def test_the_rules_that_deny_ssh_and_the_console_to_everybody_are_stopped(command: Type, world: World) -> None:
    for line in ("deny ssh --at 1", "deny any_tcp --at 1"):
        await command(line)
    plan = (await command("plan"))[1]
    assert re.search(r"^CUT .*your own session 203.0.113.5 tcp/22", plan, re.MULTILINE), plan
    digest = plan.rpartition("firewall apply ")[2].split()
    status, told = await command(f"apply {digest[0]}")
    assert (status, told.split(":")[0]) == (1, "firewall.not_acknowledged (acknowledged)")
    status, told = await command(f"apply {digest[0]} --acknowledge {digest[2]}")
    assert (status, told.split(":")[0]) == (1, "firewall.cuts_you (rules)")
    assert world.firewall_guard.pending is None
    assert (await command(f"apply {digest[0]} --acknowledge {digest[2]} --force"))[0] == 0


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("allow gopher", "firewall.type_unknown (type)"),
        ("allow ssh --from 203.0.113.9-203.0.113.5", "firewall.range_reversed (origins)"),
        ("allow ssh --ports 0", "firewall.port_invalid (ports)"),
        ("allow ssh --ports 70000", "firewall.port_invalid (ports)"),
        ("allow rtp --ports 20000-10000", "firewall.ports_reversed (ports)"),
        ("allow ssh --from 203.0.113.5/24", "firewall.host_bits (origins)"),
        ("allow ssh --from 203.0.113.0/24 --from 203.0.113.5", "firewall.origins_overlap (origins)"),
        ("allow ssh --from country:ZZ", "firewall.country_unknown (origins)"),
        ("allow ssh --from list:nobody", "firewall.list_unknown (origins)"),
        ("remove 99", "firewall.rule_unknown (rule)"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_field_and_nothing_has_changed(
    command: Type, world: World, line: str, refusal: str
) -> None:
    before = await world.services.firewall.table(ROOT, "FLN-CORE-01")
    status, told = await command(line)
    assert (status, told.split(": ")[0]) == (1, refusal)
    assert await world.services.firewall.table(ROOT, "FLN-CORE-01") == before
