"""The node service's composition root: all that runs, how it stops, and who owns each task."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from admin_http.app import build
from admin_http.listen import Secured, listening
from asterisk_ext.composition import console
from asterisk_ext.composition.hosting import hosting
from asterisk_ext.composition.maintenances import Maintenances
from asterisk_ext.composition.membership import membership
from asterisk_ext.config import Config
from asterisk_ext.schedule import scheduled
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.call_history import CallHistory
from asterisk_ext.services.countries import Countries
from asterisk_ext.services.firewall import Firewalls
from asterisk_ext.services.fleet_calls import FleetCalls
from asterisk_ext.services.friends import Friends
from asterisk_ext.services.shared_bans import SharedBans
from asterisk_ext.tasks import Tasks
from firewall.node.countries import CountryFiles, NodeCountries
from firewall.node.firewall import NodeFirewall
from firewall.node.guard import NodeGuard
from firewall.socket.client import GuardClient


async def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(config):
        logging.getLogger(__name__).info("%s is up", config.node.name)
        await stop.wait()


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[None]:
    """Everything of a node, for as long as the context lasts."""
    name, state, clock = config.node.name, Path(config.node.state), time.time
    http = config.admin_http
    async with AsyncExitStack() as stack:
        member = await stack.enter_async_context(membership(config, clock))
        registry, copy, peers = member.registry, member.copy, member.peers
        to_guard = GuardClient(Path(config.guard.socket))
        guard, firewall = NodeGuard(to_guard, config.guard.ban_hours), NodeFirewall(to_guard)
        audit = Audit(registry, copy, clock, name)
        countries = Countries(NodeCountries(to_guard), CountryFiles(state), config.countries.sources, audit, clock)
        shared = SharedBans(name, guard, registry, copy, clock)
        asterisk = await stack.enter_async_context(hosting(config, member, audit, shared, clock))
        calls = asterisk.calls
        fleet_calls, history = FleetCalls(name, calls, peers, copy, clock), CallHistory(name, calls.count, copy, clock)
        maintenances = Maintenances(config, member, audit, fleet_calls)
        app = build(
            console.services(
                config,
                audit=audit,
                guard=guard,
                firewall=Firewalls(
                    name, registry, copy, firewall, member.firewalls, asterisk.phones, asterisk.carriers, audit, clock
                ),
                countries=countries,
                calls=fleet_calls,
                history=history,
                runner=maintenances.runner,
                blocked=asterisk.blocked,
                member=member,
                obeyed=asterisk.obeyed,
            )
        )
        member.serve(app)
        tasks = await stack.enter_async_context(Tasks())
        member.keep(tasks)
        tasks.keep("report of this node", lambda: asterisk.reporting.run(registry))
        asterisk.keep(tasks)
        tasks.keep("guard's never-ban list", Friends(copy, guard, firewall).run)
        tasks.keep("own bans to the fleet", shared.tell)
        tasks.keep("bans of the fleet", shared.make)
        tasks.keep("country lists", countries.run)
        jobs = {"country lists": (config.countries.schedule, countries.due)}
        await stack.enter_async_context(scheduled(jobs, http.zone))
        tasks.keep("calls of the fleet", fleet_calls.run)
        maintenances.keep(tasks)
        tasks.keep("chart of the last hour", history.run)
        await stack.enter_async_context(asterisk.gate)
        socket, to_nodes = Path(config.node.run) / "admin.sock", Secured(config.fleet, member.identity.serving)
        await stack.enter_async_context(listening(app, http, socket, to_nodes))
        yield
