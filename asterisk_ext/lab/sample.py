"""The sample fleet: three virtual PBXs of the product's and one of a hoster's own dialplan. Data, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

HOTEL = 9
HOTEL_NAME = "Hotel Serra Alta"
HOTEL_EXTENSIONS = ("700", "701", "702", "709")
SPARE = frozenset({"209", "709"})
"""Extensions that no phone of the lab holds: a probe that registers them takes no phone's place."""

CONSOLE_ROLES = ("administrator", "operator", "support", "viewer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A sample tenant in the registry's own words; ``home`` is the number of a node."""

    id: int
    name: str
    domain: str
    home: int
    status: str
    extensions: dict[str, str]
    """Number → name."""
    trunk: str
    dids: dict[str, str]
    """Number → the extension or ring group it leads to."""
    ring_groups: dict[str, tuple[str, ...]] = field(default_factory=dict)


TENANTS = (
    Tenant(
        id=1,
        name="Clínica Vale Azul",
        domain="vale-azul.example",
        home=1,
        status="active",
        extensions={"200": "Recepção", "201": "Triagem", "202": "Consultório", "209": "Reserva"},
        trunk="trunk14",
        dids={"4831210114": "600", "4831210117": "200"},
        ring_groups={"600": ("200", "201", "202")},
    ),
    Tenant(
        id=2,
        name="Auto Peças Litoral",
        domain="litoral.example",
        home=1,
        status="partial_block",
        extensions={"200": "Balcão", "201": "Oficina", "209": "Reserva"},
        trunk="trunk15",
        dids={"4833741428": "200"},
    ),
    Tenant(
        id=3,
        name="Transportes Pampa",
        domain="pampa.example",
        home=2,
        status="active",
        extensions={"200": "Despacho", "201": "Garagem", "209": "Reserva"},
        trunk="trunk16",
        dids={"5132210300": "200"},
    ),
)


@dataclass(frozen=True, slots=True)
class Account:
    """A phone's account and the node it registers to."""

    name: str
    password: str
    pbx: int
    extension: str
    node: str


def account(pbx: int, extension: str) -> str:
    return f"{pbx}_{extension}"


def accounts(nodes: tuple[str, ...], new_secret: Callable[[], str]) -> tuple[Account, ...]:
    """Every sample phone, the hotel's too, each with a secret of its own."""
    phones = [(tenant.id, number, home(tenant, nodes)) for tenant in TENANTS for number in tenant.extensions]
    phones += [(HOTEL, number, nodes[0]) for number in HOTEL_EXTENSIONS]
    return tuple(Account(account(pbx, number), new_secret(), pbx, number, node) for pbx, number, node in phones)


def users(new_secret: Callable[[], str]) -> dict[str, str]:
    """The console's users, one a role and named like it, with their passwords."""
    return {role: new_secret() for role in CONSOLE_ROLES}


def home(tenant: Tenant, nodes: tuple[str, ...]) -> str:
    """The tenant's server; the last one where the lab has fewer."""
    return nodes[min(tenant.home, len(nodes)) - 1]


def servers(nodes: Mapping[str, tuple[str, str]], registrations: Mapping[str, str]) -> list[dict[str, Any]]:
    """The servers' records as the API takes them; ``nodes`` are names, with address and technology.

    Phones register by address where a node has no name in ``registrations``.
    """
    return [
        {"id": number, "name": name, "technology": technology, "ip": ip, "registration": registrations.get(name, ip)}
        for number, (name, (ip, technology)) in enumerate(nodes.items(), start=1)
    ]


def tenants(nodes: tuple[str, ...], carrier: str, passwords: Mapping[str, str]) -> dict[str, Any]:
    """The virtual PBXs as a file for import; ``passwords`` are the accounts'."""
    managed = [
        {
            "id": tenant.id,
            "name": tenant.name,
            "domain": tenant.domain,
            "home": home(tenant, nodes),
            "status": tenant.status,
            "extensions": [
                {"number": number, "name": name, "secret": passwords[account(tenant.id, number)]}
                for number, name in tenant.extensions.items()
            ],
            "trunks": [{"name": tenant.trunk, "host": carrier, "caller_id": next(iter(tenant.dids))}],
            "emergency_trunks": [tenant.trunk],
            "ring_groups": [
                {"number": number, "members": list(members)} for number, members in tenant.ring_groups.items()
            ],
            "dids": [{"number": number, "target": target} for number, target in tenant.dids.items()],
        }
        for tenant in TENANTS
    ]
    hotel = {
        "id": HOTEL,
        "name": HOTEL_NAME,
        "domain": "serra-alta.example",
        "home": nodes[0],
        "mode": "gate_only",
        "extensions": [{"number": number, "secret": passwords[account(HOTEL, number)]} for number in HOTEL_EXTENSIONS],
    }
    return {"tenants": [*managed, hotel]}
