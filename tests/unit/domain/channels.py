"""Channels as Asterisk would describe them, in as few words as a test needs."""

from __future__ import annotations

from asterisk_ext.domain.call_events import Snapshot
from asterisk_ext.domain.call_rows import Row

AT = "2026-11-22T19:12:57.898+0000"


def channel(
    id: str,
    name: str = "",
    state: str = "Ring",
    *,
    of: str = "",
    number: str = "",
    formats: str = "(alaw|ulaw)",
    dnid: str = "",
    exten: str = "s",
    application: str = "",
    tenant: str = "",
    account: str = "",
    created: str = AT,
) -> Snapshot:
    """Channel ``id`` of the call ``of`` (its own when empty): ``PJSIP/1_ID-0000000ID`` unless named."""
    return Snapshot(
        id, name or f"PJSIP/1_{id}-{id:0>8}", state, number or id, f"Ramal {id}", of or id, formats, dnid, exten,
        application, tenant, account, created,
    )  # fmt: skip


def legs(row: Row | None) -> list[tuple[str, str]]:
    """Each leg's caller number or name, and its state; the origin first."""
    if row is None:
        return []
    return [(row["origin"]["name"], row["origin"]["state"])] + [(d["name"], d["state"]) for d in row["destinations"]]
