from __future__ import annotations

import pytest

from asterisk_ext.domain.call_legs import Leg, codecs, dialled_by
from asterisk_ext.domain.call_rows import iso_utc
from tests.unit.domain.channels import channel


@pytest.mark.parametrize(
    ("tenant", "account", "name", "pbx"),
    [
        ("7", "8", "PJSIP/1_200-00000005", "7"),
        ("", "8", "PJSIP/1_200-00000005", "8"),
        ("", "", "PJSIP/1_200-00000005", "1"),
        ("", "", "PJSIP/trunk14-00000005", None),
        ("", "", "PJSIP/carrier_2-00000005", None),
    ],
)
def test_the_tenant_is_the_tenantid_or_the_account_code_or_what_the_endpoint_begins_with(
    tenant: str, account: str, name: str, pbx: str | None
) -> None:
    assert Leg(channel("5", name, tenant=tenant, account=account), 0).pbx == pbx


@pytest.mark.parametrize(
    ("name", "number", "wanted", "answerer"),
    [
        ("PJSIP/1_200-00000005", "200", "600", "200"),
        ("PJSIP/1_200_webrtc-00000005", "200", "600", "200"),
        ("PJSIP/1_204-00000005", "600", "600", "204"),
        ("PJSIP/1_trunk14-00000005", "4899990000", "04833330000", "4899990000"),
        ("PJSIP/1_trunk14-00000005", "s", "04833330000", "04833330000"),
        ("PJSIP/7-carrier-00000005", "", "", "7-carrier"),
    ],
)
def test_the_answerer_is_the_extension_or_number_that_picked_up(
    name: str, number: str, wanted: str, answerer: str
) -> None:
    leg = Leg(channel("5", name)._replace(number=number), 0)
    assert leg.answerer(wanted) is None
    leg.answered = True
    assert leg.answerer(wanted) == answerer


@pytest.mark.parametrize(
    ("stamp", "utc"),
    [
        ("2026-11-22T19:12:57.898+0000", "2026-11-22T19:12:57.898Z"),
        ("2026-11-22T22:12:57.000-0300", "2026-11-23T01:12:57.000Z"),
        ("", ""),
    ],
)
def test_asterisks_local_times_are_told_in_utc(stamp: str, utc: str) -> None:
    assert iso_utc(stamp) == utc


@pytest.mark.parametrize(
    ("formats", "expected"),
    [("(alaw|g729)", ("alaw", "g729")), ("(none)", ()), ("none", ()), ("(nothing)", ()), ("", ())],
)
def test_formats_are_read_as_a_list_of_codecs(formats: str, expected: tuple[str, ...]) -> None:
    assert codecs(formats) == expected


@pytest.mark.parametrize(
    ("dialstring", "number"),
    [("1_200", "200"), ("PJSIP/1_200", "200"), ("4899990000@1_trunk14", "4899990000"), ("200@pbx-1", "200"), ("", "")],
)
def test_a_dial_string_tells_the_number(dialstring: str, number: str) -> None:
    assert dialled_by(dialstring) == number


@pytest.mark.parametrize(
    ("dialstring", "number"),
    [
        ("1_200", "200"),
        ("4899990000@1_trunk14", "4899990000"),
        ("1_trunk14/sip:4899990000@192.0.2.1:5060", "4899990000"),
        ("1_202/sip:1_202@192.0.2.9:6004", "202"),
        ("1_202/sips:x7f3a@192.0.2.9;transport=tls", "202"),
        ("reception", "reception"),
    ],
)
def test_the_number_in_a_dial_string_is_that_of_the_phone_or_the_one_sent_outside(dialstring: str, number: str) -> None:
    assert dialled_by(dialstring) == number
