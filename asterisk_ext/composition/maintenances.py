"""What carries maintenances on, composed: their steps, and the names that phones follow."""

from __future__ import annotations

from asterisk_ext.composition.membership import Membership
from asterisk_ext.config import Config, Dns, secret
from asterisk_ext.ports.names import NameServer
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.maintenance_runner import Calls, MaintenanceRunner
from asterisk_ext.services.naming import Naming
from asterisk_ext.tasks import Tasks


class Maintenances:
    def __init__(self, config: Config, member: Membership, audit: Audit, calls: Calls) -> None:
        self.runner = MaintenanceRunner(member.name, member.registry, member.copy, audit, calls, member.clock)
        self._naming: Naming | None = None
        if config.registry.serve:
            server, dns = name_server(config.dns), config.dns
            self._naming = Naming(member.registry, member.copy, server, dns.zone, dns.ttl, member.clock)

    def keep(self, tasks: Tasks) -> None:
        tasks.keep("maintenances", self.runner.run)
        if self._naming is not None:
            tasks.keep("names of the servers", self._naming.run)


def name_server(settings: Dns) -> NameServer | None:
    """The DNS server of the settings; None where there is none."""
    if not settings.server:
        return None
    # Some megabytes that nodes without a key do without.
    from asterisk_ext.names.server import DnsServer

    key = secret(settings.key_secret_file)
    return DnsServer(settings.server, settings.port, settings.zone, settings.key_name, key, settings.key_algorithm)
