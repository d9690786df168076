"""What a virtual PBX may be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asterisk_ext.domain.emergency import DEFAULT_NUMBERS, dialled_forms
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.pbx import Did, Extension, Mode, Pbx, RingGroup, Route, Status, Trunk, digest
from asterisk_ext.domain.pbx_rules import check

GOOD = Pbx(
    id=1,
    name="Clínica Vale Azul",
    domain="clinica.example.net",
    home="node1",
    extensions=(Extension(number="200", name="Recepção", digest="0" * 32), Extension(number="201", digest="1" * 32)),
    trunks=(Trunk(name="trunk14", host="198.18.20.1"),),
    ring_groups=(RingGroup(number="600", members=("200", "201")),),
    dids=(Did(number="4831210114", target="600"),),
    emergency_trunks=("trunk14",),
)
EMERGENCY, FOREIGN = "pbx.extension_is_emergency_number", "pbx.foreign_caller_id"
HOSTILE = (
    "&Local/190@asterisk-ext-call", "${SHELL(id)}", "1,30,G(x)", "1)", "(1", "%31", "\u0661\u0662", "4" * 4096, "a\nb",
)  # fmt: skip


def trunk(**fields: object) -> dict[str, object]:
    return {"trunks": (replace(GOOD.trunks[0], **fields),)}  # type: ignore[arg-type]


def route(**fields: object) -> dict[str, object]:
    plain = Route(pattern="00.", trunks=("trunk14",))
    return {"routes": (replace(plain, **fields),)}  # type: ignore[arg-type]


def test_a_good_record_passes() -> None:
    check(GOOD)


@pytest.mark.parametrize(
    ("change", "error_id"),
    [
        ({"emergency_trunks": ()}, "pbx.no_emergency_trunk"),
        (
            {
                "emergency_numbers": tuple(str(700000 + number) for number in range(60)),
                "outside_prefixes": tuple(str(1000 + number) for number in range(10)),
            },
            "pbx.too_many_emergency_forms",
        ),
        ({"emergency_trunks": ("trunk99",)}, "pbx.missing_target"),
        (
            {"extensions": (*GOOD.extensions, Extension(number="190", digest="2" * 32))},
            "pbx.extension_is_emergency_number",
        ),
        ({"extensions": (*GOOD.extensions, GOOD.extensions[0])}, "pbx.duplicate"),
        ({"ring_groups": (RingGroup(number="200", members=("201",)),)}, "pbx.duplicate"),
        ({"dids": (Did(number="4831210114", target="999"),)}, "pbx.missing_target"),
        ({"ring_groups": (RingGroup(number="600", members=("999",)),)}, "pbx.missing_target"),
        ({"name": "two\nlines"}, "pbx.invalid"),
        ({"domain": "not a domain"}, "pbx.invalid"),
        ({"home": "../etc"}, "pbx.invalid"),
        ({"dids": (Did(number="123&Local/201@x", target="600"),)}, "pbx.invalid"),
        ({"trunks": (Trunk(name="trunk14;x", host="198.18.20.1"),), "emergency_trunks": ("trunk14;x",)}, "pbx.invalid"),
        ({"trunks": (Trunk(name="trunk14", host="a\nb"),)}, "pbx.invalid"),
        ({"extensions": (Extension(number="200", digest="plain text"),)}, "pbx.invalid"),
        ({"extensions": (Extension(number="200", name="${SHELL(id)}", digest="0" * 32),)}, "pbx.invalid"),
        ({"outside_prefixes": ("0,n,Dial",)}, "pbx.invalid"),
        ({"emergency_numbers": ("190.1>",)}, "pbx.invalid"),
        ({"emergency_numbers": (), "extensions": (Extension(number="190", digest="2" * 32),)}, EMERGENCY),
        ({"extensions": (Extension(number="0190", digest="2" * 32),)}, EMERGENCY),
        ({"dids": (GOOD.dids[0], GOOD.dids[0])}, "pbx.duplicate"),
        ({"extensions": (replace(GOOD.extensions[0], secret="still here"), GOOD.extensions[1])}, "pbx.invalid"),
        ({"extensions": (replace(GOOD.extensions[0], contacts=0), GOOD.extensions[1])}, "pbx.invalid"),
        ({"extensions": (replace(GOOD.extensions[0], codecs=()), GOOD.extensions[1])}, "pbx.invalid"),
        ({"extensions": (replace(GOOD.extensions[0], caller_id="4899999999"), GOOD.extensions[1])}, FOREIGN),
        ({"ring_groups": (replace(GOOD.ring_groups[0], timeout=0),)}, "pbx.invalid"),
        ({"ring_groups": (replace(GOOD.ring_groups[0], members=()),)}, "pbx.invalid"),
        ({"reason": "x\n[y]"}, "pbx.invalid"),
        ({"id": 0}, "pbx.invalid"),
        ({"max_calls": -1}, "pbx.invalid"),
        *((trunk(host=host), "pbx.invalid") for host in ("fe80::1%$(id)", "198.18.20.1:5060", "1.2.3", "a..b", "-a.b")),
        *((trunk(port=port), "pbx.invalid") for port in (0, 65536)),
        (trunk(addresses=("sip.example.net",)), "pbx.invalid"),
        (trunk(register=True), "pbx.trunk_without_credentials"),
        (trunk(username="u"), "pbx.trunk_without_credentials"),
        (trunk(srtp=True), "pbx.srtp_without_tls"),
        *((trunk(username=name, secret="s"), "pbx.invalid") for name in HOSTILE),
        *(
            (trunk(username="u", secret=secret), "pbx.invalid")
            for secret in ("a;b", "a b", 'a"b', "a^5Cb", "a\nb", "é")
        ),
        *((route(pattern=text), "pbx.invalid") for text in (*HOSTILE, "", "[5-3]", "X.X")),
        *((route(prepend=text), "pbx.invalid") for text in HOSTILE),
        *((route(name=text), "pbx.invalid") for text in (*HOSTILE[:5], *HOSTILE[7:])),
        (route(trunks=("trunk99",)), "pbx.missing_target"),
        (route(trunks=()), "pbx.invalid"),
        (route(strip=-1), "pbx.invalid"),
        (route(caller_id="4899999999"), FOREIGN),
        *(({"dids": (Did(number="4831210114", target=text),)}, "pbx.missing_target") for text in HOSTILE),
    ],
)
def test_a_record_that_could_do_harm_is_refused(change: dict[str, object], error_id: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check(replace(GOOD, **change))  # type: ignore[arg-type]
    assert refusal.value.error_id == error_id
    assert refusal.value.field


def test_all_default_emergency_numbers_with_every_prefix_there_may_be_pass() -> None:
    check(replace(GOOD, emergency_numbers=DEFAULT_NUMBERS, outside_prefixes=tuple(str(1000 + n) for n in range(10))))


def test_a_record_with_everything_passes() -> None:
    check(
        replace(
            GOOD,
            extensions=(replace(GOOD.extensions[0], caller_id="4831210114"), GOOD.extensions[1]),
            trunks=(
                replace(GOOD.trunks[0], addresses=("2001:2::20:1",), caller_id="4830300000"),
                Trunk(name="trunk15", host="sip.carrier.example", username="u-1", secret="p4$$&{}[]w'%", register=True),
            ),
            routes=(Route(pattern="0ZX.", name="Interurbano", trunks=("trunk15", "trunk14"), caller_id="4830300000"),),
            dids=(*GOOD.dids, Did(number="4831210115", target="announcement")),
        )
    )


def test_a_refusal_names_the_place_in_the_record() -> None:
    with pytest.raises(Refusal) as refusal:
        check(replace(GOOD, **route(prepend="x")))  # type: ignore[arg-type]
    assert refusal.value.field == "routes[0].prepend"


def test_a_record_tells_no_secret_when_it_is_printed() -> None:
    secret = Trunk(name="trunk14", host="198.18.20.1", username="u", secret="pa55")
    assert "pa55" not in repr(secret)
    assert "0" * 32 not in repr(GOOD)


def test_a_tenant_of_the_hosters_own_dialplan_needs_no_trunk_of_ours() -> None:
    check(Pbx(id=9, name="Hotel", domain="hotel.example.net", home="node1", mode=Mode.GATE_ONLY))


def test_lifting_a_block_forgets_its_reason() -> None:
    blocked = GOOD.blocked(Status.TOTAL_BLOCK, "falta de pagamento", "2026-08-13T06:00:00Z")
    assert blocked.reason == "falta de pagamento"
    assert blocked.blocked(Status.ACTIVE, "ignored", "2026-08-14T06:00:00Z").reason == ""


def test_a_digest_is_the_ha1_of_rfc_7616() -> None:
    assert digest("1_200", "a") != digest("1_201", "a")
    assert digest("1_200", "secret") == "378f68122bbdcd2409603eff789ce436"


def test_emergency_numbers_match_bare_after_the_outside_prefix_and_with_the_country_code() -> None:
    forms = dialled_forms(DEFAULT_NUMBERS, ("0", "9"))
    assert {forms[dialled] for dialled in ("190", "0190", "9190", "55190")} == {"190"}
    assert "1900" not in forms
