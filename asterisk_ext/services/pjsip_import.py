"""Reading an existing ``pjsip.conf`` and proposing virtual PBXs; nothing is changed by it. Pure.

Phones are endpoints named ``1_200``, or with the tenant's number in ``tenantid`` or ``accountcode``; an endpoint whose
address of record has a fixed ``contact`` is a trunk. Templates (``[phone](!)``, ``[1_200](phone)``) are followed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asterisk_ext.domain.pbx import REALM

HEAD = re.compile(r"\[([^\]]+)\](?:\(([^)]*)\))?$")
ACCOUNT = re.compile(r"([1-9][0-9]{0,7})[_-]([0-9]{2,8})")
URI = re.compile(
    r"sips?:(?:[^@]*@)?(\[[0-9A-Fa-f:]+\]|[^:;>\s]+)(?::([0-9]{1,5}))?(?:.*;transport=(\w+))?", re.IGNORECASE
)
CODECS = ("alaw", "ulaw", "g722", "g729", "gsm", "opus")

Section = Mapping[str, str]


LEFT_OUT = "{name}: left out, nothing tells its virtual PBX (tenantid, accountcode or a name as 1_200)"
NO_NUMBER = "{name}: left out, its name has no extension number of 2 to 8 digits"
NO_TRUNK = "virtual PBX {pbx}: it has no trunk, and none for emergency calls; import refuses it so"
ADD = "virtual PBX {pbx}: add its DIDs, ring groups and routes, which stand in the dialplan"
OTHER_REALM = "{name}: its password is kept as a digest of another realm than {realm}; a new one is made up"
NO_PASSWORD = "{name}: it has no password; one is made up"
BAD_CONTACT = "{name}: left out, its contact {contact} was not understood"
REMARKS = (LEFT_OUT, NO_NUMBER, NO_TRUNK, ADD, OTHER_REALM, NO_PASSWORD, BAD_CONTACT)
"""All of them, by their message ids."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What was left out or has to be added; ``text`` is a message id with places for ``params``."""

    text: str
    params: Mapping[str, str]

    def __str__(self) -> str:
        return self.text.format_map(self.params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    tenants: list[dict[str, Any]]
    """As a file for import holds them."""
    remarks: list[Remark] = field(default_factory=list)


def sections(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """``(name, type)`` → options in lower case; the last of several wins, but of ``match``, which are joined."""
    templates: dict[str, dict[str, str]] = {}
    found: list[tuple[str, dict[str, str]]] = []
    current: dict[str, str] = {}
    for raw in text.splitlines():
        line = re.split(r"(?<!\\);", raw, maxsplit=1)[0].strip().replace("\\;", ";")
        head = HEAD.match(line)
        if head:
            parents = [name.strip() for name in (head[2] or "").split(",") if name.strip()]
            current = {}
            for parent in parents:
                current |= templates.get(parent, {})
            if "!" in parents:
                templates[head[1]] = current
            elif "+" in parents and any(name == head[1] for name, _ in found):
                current = next(options for name, options in reversed(found) if name == head[1])
            else:
                templates.setdefault(head[1], current)
                found.append((head[1], current))
        elif "=" in line:
            name, _, value = line.partition("=")
            name, value = name.strip().lower(), value.lstrip(">").strip()
            if name in ("match", "allow") and name in current:
                value = f"{current[name]},{value}"
            current[name] = value
    return {(name, options.get("type", "").lower()): options for name, options in found}


def propose(found: Mapping[tuple[str, str], Section], *, home: str, domain: str) -> Proposal:
    """The virtual PBXs of a ``pjsip.conf``; ``home`` and ``domain`` are what that file cannot tell."""
    tenants: dict[int, dict[str, Any]] = {}
    remarks: list[Remark] = []
    for (name, kind), endpoint in found.items():
        if kind != "endpoint":
            continue
        number, extension = _whose(name, endpoint)
        aor = found.get((endpoint.get("aors", name).split(",")[0].strip(), "aor"), {})
        if not number:
            remarks.append(Remark(LEFT_OUT, {"name": name}))
            continue
        pbx = tenants.setdefault(number, _new(number, home, domain))
        if "contact" in aor:
            trunk = _trunk(name, endpoint, aor, found, len(pbx["trunks"]) + 1, remarks)
            if trunk:
                pbx["trunks"].append(trunk)
        elif extension:
            pbx["extensions"].append(_extension(name, extension, endpoint, aor, found, remarks))
        else:
            remarks.append(Remark(NO_NUMBER, {"name": name}))
    for number, pbx in tenants.items():
        pbx["emergency_trunks"] = [trunk["name"] for trunk in pbx["trunks"]]
        if not pbx["trunks"]:
            remarks.append(Remark(NO_TRUNK, {"pbx": str(number)}))
        remarks.append(Remark(ADD, {"pbx": str(number)}))
    return Proposal(tenants=[tenants[number] for number in sorted(tenants)], remarks=remarks)


def _whose(name: str, endpoint: Section) -> tuple[int, str]:
    """Tenant and extension; 0 and nothing where they cannot be told."""
    account = ACCOUNT.fullmatch(name)
    said = endpoint.get("tenantid") or endpoint.get("accountcode") or ""
    number = int(said) if re.fullmatch(r"[1-9][0-9]{0,7}", said) else 0
    if account and number in (0, int(account[1])):
        return int(account[1]), account[2]
    return number, name if re.fullmatch(r"[0-9]{2,8}", name) else ""


def _new(number: int, home: str, domain: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"PBX {number}",
        "domain": f"pbx{number}.{domain}",
        "home": home,
        "extensions": [],
        "trunks": [],
    }


def _extension(
    name: str,
    number: str,
    endpoint: Section,
    aor: Section,
    found: Mapping[tuple[str, str], Section],
    remarks: list[Remark],
) -> dict[str, Any]:
    auth = found.get((endpoint.get("auth", name).split(",")[0].strip(), "auth"), {})
    entry: dict[str, Any] = {
        "number": number,
        "name": _display(endpoint.get("callerid", "")),
        "codecs": _codecs(endpoint),
    }
    if auth.get("password"):
        entry["secret"] = auth["password"]
    elif auth.get("md5_cred"):
        remarks.append(Remark(OTHER_REALM, {"name": name, "realm": REALM}))
    else:
        remarks.append(Remark(NO_PASSWORD, {"name": name}))
    if endpoint.get("webrtc", "no").lower() in ("yes", "true", "on", "1"):
        entry["webrtc"] = True
    contacts = aor.get("max_contacts", "1")
    if contacts.isdecimal() and int(contacts) > 1:
        entry["contacts"] = min(int(contacts), 20)
    return entry


def _trunk(
    name: str,
    endpoint: Section,
    aor: Section,
    found: Mapping[tuple[str, str], Section],
    place: int,
    remarks: list[Remark],
) -> dict[str, Any] | None:
    uri = URI.match(aor["contact"])
    if uri is None:
        remarks.append(Remark(BAD_CONTACT, {"name": name, "contact": aor["contact"][:80]}))
        return None
    own = re.search(r"trunk([0-9]{1,6})$", name)
    entry: dict[str, Any] = {
        "name": f"trunk{own[1] if own else place}",
        "host": uri[1].strip("[]"),
        "port": int(uri[2] or 5060),
        "codecs": _codecs(endpoint),
    }
    if (uri[3] or "").lower() in ("tcp", "tls"):
        entry["transport"] = uri[3].lower()
        if entry["transport"] == "tls" and endpoint.get("media_encryption", "").lower() == "sdes":
            entry["srtp"] = True
    auth = found.get((endpoint.get("outbound_auth", "").split(",")[0].strip(), "auth"), {})
    if auth.get("username") and auth.get("password"):
        entry |= {"username": auth["username"], "secret": auth["password"]}
    for (_, kind), registration in found.items():
        if kind == "registration" and uri[1] in registration.get("server_uri", "") and "username" in entry:
            entry["register"] = True
    matched = [
        options.get("match", "")
        for (_, kind), options in found.items()
        if kind == "identify" and options.get("endpoint") == name
    ]
    addresses = [
        part.strip() for text in matched for part in text.split(",") if re.fullmatch(r"[0-9A-Fa-f:.]+", part.strip())
    ]
    entry["addresses"] = [
        address for address in addresses if address != entry["host"] and (":" in address or "." in address)
    ]
    return entry


def _display(callerid: str) -> str:
    name = callerid.partition("<")[0].strip().strip('"')
    return " ".join(re.sub(r"[\x00-\x1f\x7f\"<>;\\$\[\]{}|,&()^]", " ", name).split())[:60]


def _codecs(endpoint: Section) -> Sequence[str]:
    known = [codec.strip().lower() for codec in endpoint.get("allow", "").split(",")]
    return [codec for codec in dict.fromkeys(known) if codec in CODECS] or ["alaw", "ulaw"]
