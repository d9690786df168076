"""The guard's figures in Prometheus' text format (pure): no address, no account, no label an attacker can choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from firewall.bans.engine import Counts

ORIGINS = ("log", "operator", "fleet")
Sample = tuple[Mapping[str, str], int]


def metrics_text(
    *,
    counts: Counts,
    bans_in_force: int,
    bans_by_origin: Mapping[str, int],
    failures_by_service: Mapping[tuple[str, str], int],
    suspended: bool,
    log_offset: int,
    log_behind: int,
) -> str:
    """Counters since the guard started, gauges of now; bytes for the log."""
    bans = [({"origin": origin}, bans_by_origin.get(origin, 0)) for origin in ORIGINS]
    failures = [
        ({"service": service, "transport": transport}, number)
        for (service, transport), number in sorted(failures_by_service.items())
    ]
    families = [
        _family("bans", "gauge", "Bans in force.", [({}, bans_in_force)]),
        _family("bans_total", "counter", "Bans made, by where they come from.", bans),
        _family("failures_total", "counter", "Failed attempts counted.", failures),
        _family("events_total", "counter", "Events read from the log.", [({}, counts.lines)]),
        _family("held_back_total", "counter", "Bans that a rule held back.", [({}, counts.held)]),
        _family("slowed_total", "counter", "Protected addresses slowed.", [({}, counts.slowed)]),
        _family("lifted_total", "counter", "Bans lifted before their time.", [({}, counts.lifted)]),
        _family("repairs_total", "counter", "Foreign changes of the kernel's rules undone.", [({}, counts.repaired)]),
        _family("suspended", "gauge", "1 while protected addresses are spared.", [({}, int(suspended))]),
        _family("log_offset_bytes", "gauge", "Place in the log up to which all is done.", [({}, log_offset)]),
        _family("log_behind_bytes", "gauge", "What the log holds beyond it.", [({}, log_behind)]),
    ]
    return "".join(families)


def _family(name: str, kind: str, help: str, samples: Iterable[Sample]) -> str:
    full = f"asterisk_ext_guard_{name}"
    rows = [f"# HELP {full} {help}", f"# TYPE {full} {kind}"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{text}"' for label, text in labels.items())
        rows.append(f"{full}{{{inside}}} {value}" if inside else f"{full} {value}")
    return "\n".join(rows) + "\n"
