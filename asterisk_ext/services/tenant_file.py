"""Files of virtual PBXs (YAML or JSON): what operators and other systems hand in, turned into records, and back.

An entry is a record as it is kept, but for what the file may leave out: passwords, which are then made up or stay as
they are, and the status, which then stays.
"""

from __future__ import annotations

import dataclasses
import secrets
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass, replace
from functools import cache
from typing import Any

import msgspec

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Extension, Pbx, Trunk, digest

UNREADABLE = Problem(
    "pbx.file_unreadable",
    422,
    "Nothing was imported: the file does not describe virtual PBXs ({reason}).",
    "Correct the place named, or look at the example in the documentation.",
)

SECRETS = frozenset({"secret", "digest"})


class TenantFile(msgspec.Struct, frozen=True):
    """What a file holds; the type is for descriptions, ``read`` is stricter."""

    tenants: tuple[Pbx, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One virtual PBX of a file; ``given`` are the fields that the file names."""

    pbx: Pbx
    given: frozenset[str]


def read(data: bytes) -> list[Entry]:
    """Decode a file; refuses ``pbx.file_unreadable`` with the place of the fault. Blocks: large YAML takes seconds."""
    return [entry(raw, f"$.tenants[{at}]") for at, raw in enumerate(plain(data))]


def plain(data: bytes) -> list[dict[str, Any]]:
    """The entries of a file as plain values, each not looked at yet; refuses ``pbx.file_unreadable``."""
    try:
        whole = msgspec.json.decode(data) if data.lstrip()[:1] == b"{" else msgspec.yaml.decode(data)
    except msgspec.DecodeError as error:
        raise UNREADABLE.refuse(reason=error) from None
    if not isinstance(whole, dict) or whole.keys() != {"tenants"} or not isinstance(whole["tenants"], list):
        raise UNREADABLE.refuse(reason="it must hold tenants and nothing else, a list")
    return whole["tenants"]


def entry(raw: object, place: str = "$") -> Entry:
    """One virtual PBX from plain values; a field that does not exist is refused rather than ignored."""
    surplus = next(unknown(raw, Pbx, place), "")
    if surplus:
        raise UNREADABLE.refuse(field=surplus.removeprefix("$."), reason=f"there is no field {surplus}")
    try:
        return Entry(msgspec.convert(raw, Pbx), frozenset(typing.cast("dict[str, Any]", raw)))
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        where = f"{place}{where.rstrip('`')}"
        raise UNREADABLE.refuse(field=where.removeprefix("$."), reason=f"{reason} - at {where}") from None


def unknown(raw: object, kind: Any, place: str = "$") -> Iterator[str]:
    """The places in ``raw`` that the dataclass ``kind`` has no field for, those of its parts included."""
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(raw, dict):
        kinds = _hints(kind)
        for name, value in raw.items():
            if name in kinds:
                yield from unknown(value, kinds[name], f"{place}.{name}")
            else:
                yield f"{place}.{name}"
    elif typing.get_origin(kind) is tuple and isinstance(raw, list):
        for at, value in enumerate(raw):
            yield from unknown(value, typing.get_args(kind)[0], f"{place}[{at}]")


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def record(given: Entry, existing: Pbx | None, since: str) -> tuple[Pbx, dict[str, str]]:
    """The record for an entry, and the passwords that were made up for it, by account.

    An extension or trunk that exists keeps its password unless the entry gives another; a status that the entry does
    not name stays as it is.
    """
    pbx = given.pbx
    if existing is not None and ("status" not in given.given or pbx.status is existing.status):
        reason = pbx.reason if {"status", "reason"} <= given.given else existing.reason
        pbx = replace(pbx, status=existing.status, reason=reason, since=existing.since)
    elif existing is not None or not pbx.since:
        pbx = replace(pbx, since=since)
    digests = {item.number: item.digest for item in existing.extensions} if existing else {}
    trunks = {item.name: item for item in existing.trunks} if existing else {}
    made: dict[str, str] = {}
    extensions = [
        digested(item, pbx.account(item.number), digests.get(item.number, ""), made) for item in pbx.extensions
    ]
    kept = [with_password(item, trunks.get(item.name)) for item in pbx.trunks]
    return replace(pbx, extensions=tuple(extensions), trunks=tuple(kept)), made


def digested(item: Extension, account: str, stored: str, made: dict[str, str]) -> Extension:
    """The extension with the digest of its password: the one handed in, else the stored one, else one made up."""
    if item.secret:
        return replace(item, secret="", digest=digest(account, item.secret))
    if not item.digest and not stored:
        made[account] = secrets.token_urlsafe(15)
        return replace(item, digest=digest(account, made[account]))
    return replace(item, digest=item.digest or stored)


def with_password(item: Trunk, stored: Trunk | None) -> Trunk:
    """The trunk with the password it had, where none is handed in and the user and the host are the same."""
    if item.secret or stored is None or (item.username, item.host) != (stored.username, stored.host):
        return item
    return replace(item, secret=stored.secret)


def exported(tenants: Iterable[Pbx], with_secrets: bool) -> dict[str, list[dict[str, Any]]]:
    """The virtual PBXs as a file holds them; what is as by default is left out, secrets unless they are asked for."""
    return {"tenants": [{"status": str(pbx.status), **_brief(pbx, with_secrets)} for pbx in tenants]}


def encoded(whole: Mapping[str, object], form: str) -> bytes:
    """As ``yaml`` or ``json``."""
    if form == "yaml":
        return msgspec.yaml.encode(whole)
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _brief(thing: Any, with_secrets: bool) -> dict[str, Any]:
    brief: dict[str, Any] = {}
    for item in dataclasses.fields(thing):
        value = getattr(thing, item.name)
        if value == item.default or (item.name in SECRETS and not with_secrets):
            continue
        if isinstance(value, tuple):
            brief[item.name] = [_brief(part, with_secrets) if is_dataclass(part) else part for part in value]
        else:
            brief[item.name] = str(value) if isinstance(value, str) else value
    return brief
