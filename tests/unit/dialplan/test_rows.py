"""Which rows Asterisk gets for which tenants."""

from __future__ import annotations

from dataclasses import replace

from asterisk_ext.domain.audio import Kind
from asterisk_ext.domain.pbx import Mode, Pbx, Route, Strategy
from asterisk_ext.domain.ways import Way
from dialplan.realtime_schema import AORS, ENDPOINTS, TABLES
from dialplan.rows import Facts, emergency, gathered, rows, tenant_rows, way_rows
from tests.unit.dialplan.tenants import clinic, shop


def shown(*tenants: Pbx, table: str) -> str:
    """The table's rows as text, options that are not set left out."""
    columns = next(item.columns for item in TABLES if item.name == table)
    return "\n".join(
        " ".join(f"{column}={value}" for column, value in zip(columns, row, strict=True) if value is not None)
        for _, row in sorted(rows(tenants)[table].items())
    )


def test_a_phone_is_an_endpoint_that_carries_its_tenant() -> None:
    phone = shown(replace(clinic(), trunks=clinic().trunks), table="ps_endpoints").splitlines()[0]
    assert phone == (
        "id=1_200 context=asterisk-ext-phones tenantid=1 accountcode=1 aors=1_200 auth=1_200 "
        f"set_var=__AST_EXT_EMERGENCY={emergency(clinic())} "
        'allow=!all,alaw,ulaw callerid="Recepção" <200> language=pt_BR moh_suggest=default '
        "identify_by=username,auth_username direct_media=no rtp_symmetric=yes force_rport=yes rewrite_contact=yes "
        "webrtc=no trust_id_inbound=no allow_subscribe=no media_encryption=no"
    )


def test_every_endpoint_says_how_its_media_is_encrypted() -> None:
    """Asterisk takes NULL for an unknown way where it reads many endpoints at once, and has none of them."""
    endpoints = rows([clinic(), shop()])["ps_endpoints"]
    said = {key: row[ENDPOINTS.columns.index("media_encryption")] for key, row in endpoints.items()}
    assert said and None not in said.values()


def test_emergency_trunks_and_every_way_of_dialling_come_with_the_endpoint() -> None:
    trunks, forms = emergency(clinic()).split(":")
    assert trunks == "1_trunk15/&1_trunk14/4831210114"
    assert forms == (
        ".0100>100.0190>190.0192>192.0193>193.100>100.190>190.192>192.193>193"
        ".55100>100.55190>190.55192>192.55193>193.9100>100.9190>190.9192>192.9193>193."
    )


def test_a_phone_registers_by_digest_and_no_password_is_kept() -> None:
    assert shown(clinic(), table="ps_auths") == (
        f"id=1_200 auth_type=md5 username=1_200 realm=asterisk-ext md5_cred={'a' * 32}\n"
        f"id=1_201 auth_type=md5 username=1_201 realm=asterisk-ext md5_cred={'b' * 32}"
    )


def test_addresses_of_phones_and_trunks() -> None:
    phones = (
        "remove_existing=yes qualify_frequency=0 default_expiration=120 minimum_expiration=30 maximum_expiration=3600"
    )
    carriers = (
        "max_contacts=0 qualify_frequency=0 default_expiration=3600 minimum_expiration=60 maximum_expiration=7200"
    )
    assert shown(clinic(), table="ps_aors") == (
        f"id=1_200 max_contacts=1 {phones}\n"
        f"id=1_201 max_contacts=2 {phones}\n"
        f"id=1_trunk14 contact=sip:198.18.20.1:5060 {carriers}\n"
        f"id=1_trunk15 contact=sip:[2001:2::20:1]:5080;transport=tcp {carriers}"
    )


def test_a_carrier_of_one_trunk_is_known_by_its_address() -> None:
    assert shown(clinic(), table="ps_endpoint_id_ips") == (
        "id=1_trunk14 endpoint=1_trunk14 match=198.18.20.1\nid=1_trunk15 endpoint=1_trunk15 match=2001:2::20:1"
    )


def test_a_carrier_that_two_tenants_share_is_known_by_the_number_called() -> None:
    assert shown(clinic(), shop(), table="ps_endpoint_id_ips") == (
        "id=1_trunk14_numbers endpoint=1_trunk14 match_request_uri=/^sips?:[+]?(55)?(4831210114)@/\n"
        "id=1_trunk15 endpoint=1_trunk15 match=2001:2::20:1\n"
        "id=2_trunk16_numbers endpoint=2_trunk16 match_request_uri=/^sips?:[+]?(55)?(4833741428)@/\n"
        "id=carriers endpoint=carriers match=198.18.20.1"
    )


def test_of_many_trunks_one_identity_is_left_since_strangers_packets_are_compared_with_each() -> None:
    tenants = [replace(clinic(), id=number) for number in range(1, 102)]
    assert shown(*tenants, table="ps_endpoint_id_ips") == "id=carriers endpoint=carriers match=198.18.20.1,2001:2::20:1"


def test_a_trunk_admits_its_tenants_carriers_and_nobody_else() -> None:
    trunk = next(line for line in shown(clinic(), shop(), table="ps_endpoints").splitlines() if "id=1_trunk14 " in line)
    assert "context=asterisk-ext-trunks tenantid=1 " in trunk
    assert " deny=0.0.0.0/0.0.0.0,::/0 permit=198.18.20.1,2001:2::20:1 " in trunk
    assert "auth=" not in trunk


def test_a_carriers_call_that_is_no_trunks_carries_no_tenant() -> None:
    carriers = shown(clinic(), shop(), table="ps_endpoints").splitlines()[-1]
    assert carriers.startswith("id=carriers context=asterisk-ext-trunks allow=!all,alaw,ulaw ")
    assert "tenantid" not in carriers


def test_groups_within_groups_ring_each_phone_once() -> None:
    assert shown(clinic(), table="number") == (
        "id=1_200 kind=extension ring=1_200 timeout=60\n"
        "id=1_201 kind=extension ring=1_201+ timeout=60\n"
        "id=1_600 kind=ring_group ring=1_200&1_201+ timeout=20\n"
        "id=1_601 kind=ring_group ring=1_201+&1_200 timeout=30"
    )


def test_the_gate_and_the_routes_find_the_tenant_and_its_numbers() -> None:
    assert shown(clinic(), shop(), table="pbx") == (
        "id=1 way=node1 status=active language=pt_BR max_calls=4 prefixes=.0.9. "
        "trunks=1_trunk14/4831210114&1_trunk15/\n"
        "id=2 way=node1 status=partial_block language=en max_calls=0 prefixes=.0. trunks=2_trunk16/"
    )
    assert shown(clinic(), shop(), table="did") == (
        "number=4831210114 pbx=1 target=600\nnumber=4833741428 pbx=2 target=200"
    )


def test_of_a_tenant_with_the_hosters_own_dialplan_only_the_status_is_projected() -> None:
    hotel = Pbx(id=9, name="Hotel", domain="hotel.example", home="node1", mode=Mode.GATE_ONLY)
    wanted = rows([hotel])
    assert {table: len(found) for table, found in wanted.items() if found} == {"pbx": 1}


def test_an_extension_without_a_secret_cannot_register() -> None:
    extension = replace(clinic().extensions[0], digest="")
    assert f"md5_cred={'0' * 32}" in shown(replace(clinic(), extensions=(extension,)), table="ps_auths")


def test_routes_are_found_by_their_place_and_trunks_only_through_them() -> None:
    routed = replace(
        clinic(),
        routes=(
            Route(pattern="00.", trunks=("trunk15",), strip=2, prepend="0021"),
            Route(pattern="NX[1-3]", trunks=("trunk14", "trunk15"), caller_id="4831210114"),
        ),
    )
    assert shown(routed, table="route") == (
        "id=1_1 pattern=00.+ trunks=1_trunk15/ strip=2 prepend=0021 caller=\n"
        "id=1_2 pattern=[2-9].[1-3] trunks=1_trunk14/4831210114&1_trunk15/ strip=0 prepend= caller=4831210114"
    )
    assert shown(routed, table="pbx").endswith(" trunks=")


def test_a_phones_own_caller_id_comes_with_its_calls() -> None:
    own = replace(clinic().extensions[0], caller_id="4831210114")
    line = shown(replace(clinic(), extensions=(own,)), table="ps_endpoints").splitlines()[0]
    assert f" set_var=__AST_EXT_EMERGENCY={emergency(clinic())}:4831210114 " in line


def test_a_group_in_order_is_told_from_one_that_rings_at_once() -> None:
    group = replace(clinic().ring_groups[0], strategy=Strategy.IN_ORDER)
    told = shown(replace(clinic(), ring_groups=(group, clinic().ring_groups[1])), table="number")
    assert "id=1_600 kind=in_order ring=1_200&1_201+ timeout=20" in told


def test_a_trunk_with_a_password_answers_its_carriers_challenges() -> None:
    known = replace(clinic().trunks[0], username="u14", secret="pa55", register=True, addresses=("198.18.20.9",))
    tenant = replace(clinic(), trunks=(known, clinic().trunks[1]))
    assert "id=1_trunk14 auth_type=userpass username=u14 password=pa55" in shown(tenant, table="ps_auths")
    trunk = next(line for line in shown(tenant, table="ps_endpoints").splitlines() if "id=1_trunk14 " in line)
    assert " outbound_auth=1_trunk14 " in trunk
    assert "deny=" not in trunk
    assert "match=198.18.20.1,198.18.20.9" in shown(tenant, table="ps_endpoint_id_ips")


def test_a_carrier_that_two_tenants_share_is_never_known_by_number_through_a_trunk_that_admits_everybody() -> None:
    registering = replace(clinic().trunks[0], username="u14", secret="pa55", register=True)
    tenant = replace(clinic(), trunks=(registering, clinic().trunks[1]))
    assert "match_request_uri" not in shown(tenant, shop(), table="ps_endpoint_id_ips").split("id=2_")[0]


AUDIOS = {Kind.PARTIAL: ["aa", "bb"], Kind.NEUTRAL: ["cc"], Kind.MUSIC: ["dd", "ee"]}


def placed(pbx: Pbx, table: str) -> str:
    found = gathered(tenant_rows(Facts(pbx, AUDIOS), "/sounds"))[table]
    names = next(known.columns for known in TABLES if known.name == table)
    return "\n".join(
        " ".join(f"{name}={value}" for name, value in zip(names, row, strict=True) if value is not None)
        for row in found.values()
    )


def test_the_dialplan_finds_each_audio_the_best_first() -> None:
    assert placed(shop(), "pbx").endswith(" partial_block=aa-bb neutral=cc")


def test_who_is_held_by_a_tenant_hears_its_music() -> None:
    assert placed(shop(), "musiconhold") == "name=asterisk-ext-2 mode=files directory=/sounds/library/dd"
    assert " moh_suggest=asterisk-ext-2 " in placed(shop(), "ps_endpoints")


def test_a_hosters_own_class_of_music_goes_before_the_library() -> None:
    own = replace(shop(), music_class="lobby")
    assert placed(own, "musiconhold") == ""
    assert " moh_suggest=lobby " in placed(own, "ps_endpoints")


def test_a_hosters_own_dialplan_may_use_the_tenants_class_of_music() -> None:
    hotel = Pbx(id=9, name="Hotel", domain="hotel.example", home="node1", mode=Mode.GATE_ONLY)
    assert placed(hotel, "musiconhold") == "name=asterisk-ext-9 mode=files directory=/sounds/library/dd"


def test_where_g729_is_allowed_the_records_order_of_codecs_decides() -> None:
    extension = replace(clinic().extensions[0], codecs=("alaw", "g729"))
    assert "codec_prefs_incoming_offer=prefer: configured" in shown(
        replace(clinic(), extensions=(extension,)), table="ps_endpoints"
    )
    assert "codec_prefs_incoming_offer" not in shown(clinic(), table="ps_endpoints")


def test_a_way_is_where_calls_are_handed_to_and_where_else_an_account_is_rung() -> None:
    led = {"node1": Way(serves="198.18.1.2:5062"), "node2": Way(also=("198.18.1.1:5062", "198.18.1.3:5062"))}
    assert [row for _, row in way_rows(led)] == [
        ("node1", "198.18.1.2:5062", ""),
        (
            "node2",
            "",
            "PJSIP/asterisk-ext-nodes/sip:r!@198.18.1.1:5062;transport=tls"
            "&PJSIP/asterisk-ext-nodes/sip:r!@198.18.1.3:5062;transport=tls",
        ),
    ]


def test_phones_that_are_to_follow_soon_register_for_a_minute_at_most() -> None:
    longest = AORS.columns.index("maximum_expiration")

    def of_phones(hurried: bool) -> set[str | None]:
        placed = tenant_rows(Facts(clinic(), hurried=hurried))
        return {row[longest] for table, row in placed if table is AORS and "trunk" not in str(row[0])}

    assert (of_phones(False), of_phones(True)) == ({"3600"}, {"60"})
