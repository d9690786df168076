"""What carries maintenances on, composed."""

from __future__ import annotations

from asterisk_ext.membership import Membership
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.maintenance_runner import Calls, MaintenanceRunner
from asterisk_ext.tasks import Tasks


class Maintenances:
    def __init__(self, member: Membership, audit: Audit, calls: Calls) -> None:
        self.runner = MaintenanceRunner(member.name, member.registry, member.copy, audit, calls, member.clock)

    def keep(self, tasks: Tasks) -> None:
        tasks.keep("maintenances", self.runner.run)
