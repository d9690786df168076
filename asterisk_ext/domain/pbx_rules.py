"""What the record of a virtual PBX may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asterisk_ext.domain import route
from asterisk_ext.domain.emergency import NEVER_OFF, dialled_forms
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import ANNOUNCEMENT, Mode, Pbx, Route, Trunk, is_address

INVALID = Problem(
    "pbx.invalid",
    422,
    "The virtual PBX {pbx} was not saved: {value!r} cannot be its {name}.",
    "Give {rule}.",
)
MISSING_TARGET = Problem(
    "pbx.missing_target",
    422,
    "The virtual PBX {pbx} was not saved: {name} {value!r} leads to {target!r}, which it does not have.",
    "Add that extension, ring group or trunk first, or correct the number.",
)
DUPLICATE = Problem(
    "pbx.duplicate",
    422,
    "The virtual PBX {pbx} was not saved: {name} {value!r} is there twice.",
    "Remove one of the two.",
)
EMERGENCY_NUMBER = Problem(
    "pbx.extension_is_emergency_number",
    422,
    "The virtual PBX {pbx} was not saved: extension {value!r} is an emergency number.",
    "Renumber the extension.",
)
NO_EMERGENCY_TRUNK = Problem(
    "pbx.no_emergency_trunk",
    422,
    "The virtual PBX {pbx} was not saved: it names no trunk for emergency calls.",
    "Name at least one of its trunks under emergency_trunks.",
)
TOO_MANY_FORMS = Problem(
    "pbx.too_many_emergency_forms",
    422,
    "The virtual PBX {pbx} was not saved: its emergency numbers can be dialled in {count} ways, more than Asterisk can "
    "keep with a phone.",
    "Take away emergency numbers or outside-line prefixes that nobody needs.",
)
MOST_FORMS = 3000
"""Characters of them all, written as ``0190>190.``: the dialplan cuts a variable off at 4,096."""
NO_CREDENTIALS = Problem(
    "pbx.trunk_without_credentials",
    422,
    "The virtual PBX {pbx} was not saved: {trunk} is to register, and there is no {missing}.",
    "Give the user name and the password that the carrier issued.",
)
OPEN_KEYS = Problem(
    "pbx.srtp_without_tls",
    422,
    "The virtual PBX {pbx} was not saved: {trunk} is to encrypt its audio, and its calls would carry the keys openly.",
    "Choose TLS as its transport, or leave its audio as it is.",
)
FOREIGN_CALLER_ID = Problem(
    "pbx.foreign_caller_id",
    422,
    "The virtual PBX {pbx} was not saved: {value!r} is no number of its own that could be shown.",
    "Choose one of its DIDs, or the caller ID of one of its trunks.",
)

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_RULES = {
    "extension": (re.compile(r"[0-9]{2,8}"), "2 to 8 digits"),
    "ring group": (re.compile(r"[0-9]{2,8}"), "2 to 8 digits"),
    "DID": (re.compile(r"[0-9]{3,15}"), "3 to 15 digits"),
    "trunk": (re.compile(r"trunk[0-9]{1,6}"), "the word trunk and a number, as in trunk14"),
    "trunk host": (re.compile(r"[A-Za-z0-9.:-]{1,253}"), "an address or a DNS name"),
    "address": (re.compile(r"[0-9A-Fa-f:.]{3,45}"), "an IPv4 or IPv6 address"),
    "transport": (re.compile(r"udp|tcp|tls"), "udp, tcp or tls"),
    "codec": (re.compile(r"alaw|ulaw|g722|g729|gsm|opus"), "alaw, ulaw, g722, g729, gsm or opus"),
    "digest": (re.compile(r"[0-9a-f]{32}"), "an MD5 digest in hexadecimal"),
    "secret not yet digested": (re.compile(r""), "nothing there once the digest is made"),
    "user name": (re.compile(r"[A-Za-z0-9._+~-]{0,64}"), "at most 64 letters, digits and . _ + ~ -"),
    "password": (
        re.compile(r"[!#-:<-\[\]_-~]{0,128}"),
        'at most 128 printable characters of ASCII, without spaces and without " ; ^ \\',
    ),
    "domain": (
        re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"),
        "a DNS name",
    ),
    "name": (re.compile(r"[^\x00-\x1f\x7f]{1,80}"), "1 to 80 characters without control characters"),
    "reason": (re.compile(r"[^\x00-\x1f\x7f]{0,300}"), "at most 300 characters without control characters"),
    "display name": (re.compile(r"[^\x00-\x1f\x7f\"<>;\\$\[\]{}|,&()^]{0,60}"), "at most 60 plain characters"),
    "outside-line prefix": (re.compile(r"[0-9]{1,4}"), "1 to 4 digits"),
    "emergency number": (re.compile(r"[0-9]{2,6}"), "2 to 6 digits"),
    "caller ID": (re.compile(r"\+?[0-9]{0,15}"), "at most 15 digits"),
    "pattern": (route.PATTERN, route.RULE),
    "digits": (re.compile(r"[0-9]{0,15}"), "at most 15 digits"),
    "language": (re.compile(r"pt_BR|en"), "pt_BR or en"),
    "music class": (re.compile(r"[a-z0-9_-]{1,40}"), "1 to 40 lower-case letters, digits, - or _"),
    "server": (re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}"), "a server's name"),
}
MOST = {
    "extensions": 2000, "trunks": 50, "ring_groups": 200, "dids": 2000, "routes": 50, "emergency_trunks": 10,
    "outside_prefixes": 10, "emergency_numbers": 60, "members": 100, "codecs": 6, "addresses": 32,
}  # fmt: skip
"""So many of each a virtual PBX, or one of its parts, may have."""

Value = tuple[str, str, str]
"""Where in the record, as ``extensions[0].number``; the rule's name; the text."""


def check(pbx: Pbx) -> None:
    """Refuse a record that could break Asterisk, reach another tenant or leave someone without 190."""
    for place, name, value in _values(pbx):
        pattern, rule = _RULES[name]
        if not pattern.fullmatch(value):
            raise INVALID.refuse(field=place, pbx=pbx.id, name=name, value=value[:80], rule=rule)
    for place, number, least, most in _counts(pbx):
        if not least <= number <= most:
            name = place.rpartition(".")[2].replace("_", " ")
            raise INVALID.refuse(field=place, pbx=pbx.id, name=name, value=number, rule=f"{least} to {most}")
    _check_numbers(pbx)
    _check_targets(pbx)
    _check_trunks(pbx)
    _check_routes(pbx)
    if pbx.mode is Mode.MANAGED and not pbx.emergency_trunks:
        raise NO_EMERGENCY_TRUNK.refuse(field="emergency_trunks", pbx=pbx.id)


def check_reason(pbx: int, reason: str, place: str = "reason") -> None:
    """Refuse a reason for a block that is too long or holds control characters."""
    pattern, rule = _RULES["reason"]
    if not pattern.fullmatch(reason):
        raise INVALID.refuse(field=place, pbx=pbx, name="reason", value=reason[:80], rule=rule)


def own_numbers(pbx: Pbx) -> set[str]:
    """The numbers that the virtual PBX may show outside."""
    return {did.number for did in pbx.dids} | {trunk.caller_id for trunk in pbx.trunks if trunk.caller_id}


def _check_numbers(pbx: Pbx) -> None:
    emergency = dialled_forms((*NEVER_OFF, *pbx.emergency_numbers), pbx.outside_prefixes)
    if sum(len(dialled) + len(bare) + 2 for dialled, bare in emergency.items()) > MOST_FORMS:
        raise TOO_MANY_FORMS.refuse(field="outside_prefixes", pbx=pbx.id, count=len(emergency))
    seen: set[str] = set()
    for place, name, value in (
        *((f"extensions[{at}].number", "extension", item.number) for at, item in enumerate(pbx.extensions)),
        *((f"ring_groups[{at}].number", "ring group", group.number) for at, group in enumerate(pbx.ring_groups)),
        *((f"trunks[{at}].name", "trunk", trunk.name) for at, trunk in enumerate(pbx.trunks)),
        *((f"dids[{at}].number", "DID", f"DID {did.number}") for at, did in enumerate(pbx.dids)),
    ):
        if value in emergency:
            raise EMERGENCY_NUMBER.refuse(field=place, pbx=pbx.id, value=value)
        if value in seen:
            raise DUPLICATE.refuse(field=place, pbx=pbx.id, name=name, value=value.removeprefix("DID "))
        seen.add(value)


def _check_targets(pbx: Pbx) -> None:
    targets = {item.number for item in pbx.extensions} | {group.number for group in pbx.ring_groups}
    trunks = {trunk.name for trunk in pbx.trunks}
    for place, name, value, target, known in (
        *((f"dids[{at}].target", "DID", d.number, d.target, {*targets, ANNOUNCEMENT}) for at, d in enumerate(pbx.dids)),
        *(
            (f"ring_groups[{at}].members", "ring group", group.number, member, targets)
            for at, group in enumerate(pbx.ring_groups)
            for member in group.members
        ),
        *(
            (f"routes[{at}].trunks", "route", found.pattern, trunk, trunks)
            for at, found in enumerate(pbx.routes)
            for trunk in found.trunks
        ),
        *(("emergency_trunks", "emergency trunk", trunk, trunk, trunks) for trunk in pbx.emergency_trunks),
    ):
        if target not in known:
            raise MISSING_TARGET.refuse(field=place, pbx=pbx.id, name=name, value=value, target=target)


def _check_trunks(pbx: Pbx) -> None:
    for at, trunk in enumerate(pbx.trunks):
        for place, host in ((f"trunks[{at}].host", trunk.host), *_addresses(at, trunk)):
            named = place.endswith(".host") and re.search(r"[A-Za-z]", host) and _DNS_NAME.fullmatch(host)
            if not named and not is_address(host):
                rule = _RULES["trunk host" if place.endswith(".host") else "address"][1]
                raise INVALID.refuse(field=place, pbx=pbx.id, name="address", value=host, rule=rule)
        for name, value in (("user name", trunk.username), ("password", trunk.secret)):
            if (trunk.register or trunk.secret or trunk.username) and not value:
                place = f"trunks[{at}].{'username' if name == 'user name' else 'secret'}"
                raise NO_CREDENTIALS.refuse(field=place, pbx=pbx.id, trunk=trunk.name, missing=name)
        if trunk.srtp and trunk.transport != "tls":
            raise OPEN_KEYS.refuse(field=f"trunks[{at}].transport", pbx=pbx.id, trunk=trunk.name)


def _check_routes(pbx: Pbx) -> None:
    own = own_numbers(pbx)
    for at, item in enumerate(pbx.routes):
        if not item.pattern or route.is_backwards(item.pattern):
            place = f"routes[{at}].pattern"
            raise INVALID.refuse(field=place, pbx=pbx.id, name="pattern", value=item.pattern, rule=route.RULE)
    for place, shown in (
        *((f"extensions[{at}].caller_id", item.caller_id) for at, item in enumerate(pbx.extensions)),
        *((f"routes[{at}].caller_id", item.caller_id) for at, item in enumerate(pbx.routes)),
    ):
        if shown and shown not in own:
            raise FOREIGN_CALLER_ID.refuse(field=place, pbx=pbx.id, value=shown)


def _values(pbx: Pbx) -> Iterator[Value]:
    """Every text of the record with the rule it must pass."""
    yield from (("name", "name", pbx.name), ("domain", "domain", pbx.domain), ("home", "server", pbx.home))
    yield from (("language", "language", pbx.language), ("music_class", "music class", pbx.music_class))
    yield ("reason", "reason", pbx.reason)
    yield from (("outside_prefixes", "outside-line prefix", prefix) for prefix in pbx.outside_prefixes)
    yield from (("emergency_numbers", "emergency number", number) for number in pbx.emergency_numbers)
    for at, item in enumerate(pbx.extensions):
        here = f"extensions[{at}]"
        yield from ((f"{here}.number", "extension", item.number), (f"{here}.name", "display name", item.name))
        yield from ((f"{here}.digest", "digest", item.digest), (f"{here}.caller_id", "caller ID", item.caller_id))
        yield (f"{here}.secret", "secret not yet digested", item.secret)
        yield from ((f"{here}.codecs", "codec", codec) for codec in item.codecs)
    for at, trunk in enumerate(pbx.trunks):
        yield from _trunk_values(at, trunk)
    for at, group in enumerate(pbx.ring_groups):
        yield (f"ring_groups[{at}].number", "ring group", group.number)
        yield (f"ring_groups[{at}].name", "display name", group.name)
    yield from ((f"dids[{at}].number", "DID", did.number) for at, did in enumerate(pbx.dids))
    for at, found in enumerate(pbx.routes):
        yield from _route_values(at, found)


def _trunk_values(at: int, trunk: Trunk) -> Iterator[Value]:
    here = f"trunks[{at}]"
    yield from ((f"{here}.name", "trunk", trunk.name), (f"{here}.host", "trunk host", trunk.host))
    yield from ((f"{here}.transport", "transport", trunk.transport), (f"{here}.username", "user name", trunk.username))
    yield from ((f"{here}.secret", "password", trunk.secret), (f"{here}.caller_id", "caller ID", trunk.caller_id))
    yield from ((f"{here}.codecs", "codec", codec) for codec in trunk.codecs)
    yield from ((place, "address", address) for place, address in _addresses(at, trunk))


def _addresses(at: int, trunk: Trunk) -> list[tuple[str, str]]:
    return [(f"trunks[{at}].addresses", address) for address in trunk.addresses]


def _route_values(at: int, item: Route) -> Iterator[Value]:
    here = f"routes[{at}]"
    yield from ((f"{here}.pattern", "pattern", item.pattern), (f"{here}.name", "display name", item.name))
    yield from ((f"{here}.prepend", "digits", item.prepend), (f"{here}.caller_id", "caller ID", item.caller_id))


def _counts(pbx: Pbx) -> Iterator[tuple[str, int, int, int]]:
    """Where in the record, the number there, the least and the most that it may be."""
    yield from (("id", pbx.id, 1, 99_999_999), ("max_calls", pbx.max_calls, 0, 100_000))
    for name in ("extensions", "trunks", "ring_groups", "dids", "routes"):
        yield (name, len(getattr(pbx, name)), 0, MOST[name])
    for name in ("emergency_trunks", "outside_prefixes", "emergency_numbers"):
        yield (name, len(getattr(pbx, name)), 0, MOST[name])
    for at, item in enumerate(pbx.extensions):
        yield from (
            (f"extensions[{at}].contacts", item.contacts, 1, 20),
            (f"extensions[{at}].codecs", len(item.codecs), 1, 6),
        )
    for at, trunk in enumerate(pbx.trunks):
        yield from ((f"trunks[{at}].port", trunk.port, 1, 65535), (f"trunks[{at}].codecs", len(trunk.codecs), 1, 6))
        yield (f"trunks[{at}].addresses", len(trunk.addresses), 0, MOST["addresses"])
    for at, group in enumerate(pbx.ring_groups):
        yield (f"ring_groups[{at}].timeout", group.timeout, 1, 300)
        yield (f"ring_groups[{at}].members", len(group.members), 1, MOST["members"])
    for at, found in enumerate(pbx.routes):
        yield from ((f"routes[{at}].strip", found.strip, 0, 20), (f"routes[{at}].trunks", len(found.trunks), 1, 10))
