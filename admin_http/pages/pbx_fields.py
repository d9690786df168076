"""The fields of a virtual PBX and of its parts, as forms ask for them, and what was typed as the record takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from admin_http.api.route import invalid
from admin_http.i18n import N_
from admin_http.problems import INVALID
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Mode, Strategy
from asterisk_ext.domain.pbx_parts import Kind

Choices = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    kind: str = "text"
    """``text``, ``number``, ``list`` (with commas between), ``check``, ``choice`` or ``password``."""
    hint: str = ""
    required: bool = False
    choices: Choices = ()


CODECS = Field("codecs", N_("Codecs"), "list", N_("In order of preference: alaw, ulaw, g722, g729, gsm, opus."))
CALLER_ID = N_("Empty: the trunk's. Only a number of this virtual PBX's own can be shown.")
TRANSPORTS: Choices = (("udp", "UDP"), ("tcp", "TCP"), ("tls", "TLS"))

PARTS: dict[Kind, tuple[Field, ...]] = {
    Kind.EXTENSIONS: (
        Field("number", N_("Number"), hint=N_("2 to 8 digits, no emergency number."), required=True),
        Field("name", N_("Name")),
        Field("password", N_("Password"), "password", N_("Empty: it stays as it is; for a new one it is made up.")),
        Field("caller_id", N_("Caller ID outside"), hint=CALLER_ID),
        Field("contacts", N_("Phones at once"), "number"),
        CODECS,
        Field("webrtc", N_("Used from a browser (WebRTC)"), "check"),
    ),
    Kind.TRUNKS: (
        Field("name", N_("Trunk"), hint=N_("The word trunk and a number, as in trunk14."), required=True),
        Field("host", N_("Carrier's address"), hint=N_("An IP address or a DNS name."), required=True),
        Field("port", N_("Port"), "number"),
        Field("transport", N_("Transport"), "choice", choices=TRANSPORTS),
        Field("srtp", N_("Audio encrypted (SRTP)"), "check", N_("Only over TLS, which carries the keys.")),
        Field("username", N_("User name"), hint=N_("Empty: the carrier knows us by our address.")),
        Field("password", N_("Password"), "password", N_("Empty: it stays as it is.")),
        Field("register", N_("Register with the carrier"), "check"),
        Field("caller_id", N_("Caller ID outside"), hint=N_("For calls whose extension and route have none.")),
        Field("addresses", N_("Other addresses that the carrier calls from"), "list"),
        CODECS,
    ),
    Kind.RING_GROUPS: (
        Field("number", N_("Number"), required=True),
        Field("name", N_("Name")),
        Field("members", N_("Rings"), "list", N_("Extensions and ring groups, with commas between."), required=True),
        Field(
            "strategy",
            N_("Order"),
            "choice",
            choices=((Strategy.ALL, N_("all at once")), (Strategy.IN_ORDER, N_("one after the other"))),
        ),
        Field("timeout", N_("Seconds"), "number", N_("All together, or each in its turn.")),
    ),
    Kind.DIDS: (
        Field("number", N_("Number called from outside"), hint=N_("Without the country's 55."), required=True),
        Field(
            "target",
            N_("Leads to"),
            hint=N_("An extension, a ring group, or the word announcement: not available."),
            required=True,
        ),
    ),
    Kind.ROUTES: (
        Field(
            "pattern",
            N_("Pattern"),
            hint=N_("Asterisk's, without _ and after the outside-line prefix: X, Z, N, [2-5], at the end . or !"),
            required=True,
        ),
        Field("name", N_("Name")),
        Field(
            "trunks", N_("Trunks, in order"), "list", N_("Where one fails, the next carries the call."), required=True
        ),
        Field("strip", N_("Digits to take off the front"), "number"),
        Field("prepend", N_("Digits to put before")),
        Field("caller_id", N_("Caller ID outside"), hint=CALLER_ID),
    ),
}

RECORD = (
    Field("name", N_("Name"), required=True),
    Field("domain", N_("Domain"), required=True),
    Field("home", N_("Home server"), required=True),
    Field(
        "mode",
        N_("Mode"),
        "choice",
        choices=((Mode.MANAGED, N_("managed here")), (Mode.GATE_ONLY, N_("own dialplan, gate only"))),
    ),
    Field("language", N_("Language"), "choice", choices=(("pt_BR", "Português"), ("en", "English"))),
    Field("max_calls", N_("Calls at once, at most"), "number", N_("0: no limit. Emergency calls are never counted.")),
    Field("outside_prefixes", N_("Outside-line prefixes"), "list"),
    Field("emergency_trunks", N_("Trunks for emergency calls, in order"), "list"),
    Field("emergency_numbers", N_("Emergency numbers"), "list", N_("190, 192 and 193 are always among them.")),
    Field("music_class", N_("Music class")),
)
FIRST_TRUNK = (
    Field("host", N_("Carrier's address of its first trunk"), hint=N_("It carries the emergency calls too.")),
)


def shown(thing: object, fields: tuple[Field, ...]) -> dict[str, str]:
    """A record's or a part's values as a form holds them; never a password."""
    values: dict[str, str] = {}
    for item in fields:
        value = getattr(thing, item.name, "")
        values[item.name] = ", ".join(value) if isinstance(value, tuple) else str(value)
    return values


def sent(values: Mapping[str, str], fields: tuple[Field, ...]) -> dict[str, Any]:
    """What was typed, as the record's fields; refuses ``request.invalid`` with the field."""
    return {
        ("secret" if item.name == "password" else item.name): _sent(values.get(item.name, ""), item) for item in fields
    }


def converted(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """The part or record that the values make; refuses ``request.invalid``."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise invalid(error, "") from error


def beside_its_field(refusal: Refusal) -> Refusal:
    """The refusal, which names a place in the record (``routes[0].prepend``), with the form's field."""
    name = (refusal.field or "").rpartition(".")[2].partition("[")[0]
    return Refusal(refusal.problem, refusal.params, "password" if name == "secret" else name)


def _sent(text: str, item: Field) -> object:
    if item.kind == "check":
        return bool(text)
    if item.kind == "list":
        return [part for part in (part.strip() for part in text.split(",")) if part]
    if item.kind != "number":
        return text if item.kind == "password" else text.strip()
    number = text.strip()
    if not (number.isascii() and number.isdecimal() and len(number) < 7):
        raise INVALID.refuse(field=item.name, reason=text[:20])
    return int(number)
