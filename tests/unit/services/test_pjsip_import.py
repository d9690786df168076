"""What is proposed from a pjsip.conf that a hoster has."""

from __future__ import annotations

from asterisk_ext.domain.access import ROOT
from asterisk_ext.services.pjsip_import import propose, sections
from asterisk_ext.services.tenant_file import encoded
from tests.unit.services.conftest import World

FILE = """
; phones
[phone](!)
type = endpoint
context = from-phones
disallow = all
allow = alaw,ulaw
[phone-auth](!)
type=auth
auth_type=userpass
[phone-aor](!)
type=aor
max_contacts=3

[1_200](phone)
auth = 1_200
aors = 1_200
callerid = "Recep\xe7\xe3o & ${X}" <200>
[1_200](phone-auth)
username = 1_200
password = 20x;0 ; a comment after it
[1_200](phone-aor)

[205](phone)
tenantid => 1
auth = auth205
aors = 1_200
webrtc = yes
[auth205](phone-auth)
md5_cred = 0123456789abcdef0123456789abcdef

[carrier1]
type = endpoint
accountcode = 1
aors = carrier1
outbound_auth = carrier1
media_encryption = sdes
allow = g729
allow = alaw
[carrier1]
type = aor
contact = sip:4831210114@sip.carrier.example:5061\\;transport=tls
[carrier1]
type = auth
username = 4831210114
password = pa55
[carrier1]
type = registration
server_uri = sip:sip.carrier.example
[carrier1]
type = identify
endpoint = carrier1
match = 198.18.20.7
match = 198.18.20.8/32,mail.example

[stranger]
type = endpoint
aors = stranger
"""


def test_sections_follow_templates_and_join_what_may_be_given_several_times() -> None:
    found = sections(FILE)
    assert found["1_200", "auth"]["password"] == "20x"
    assert found["1_200", "endpoint"]["allow"] == "alaw,ulaw"
    assert found["carrier1", "identify"]["match"] == "198.18.20.7,198.18.20.8/32,mail.example"
    assert ("phone", "endpoint") not in found


def test_phones_and_trunks_come_to_their_virtual_pbx() -> None:
    found = propose(sections(FILE), home="node1", domain="example.net")
    (tenant,) = found.tenants
    assert tenant["extensions"] == [
        {"number": "200", "name": "Recep\xe7\xe3o X", "codecs": ["alaw", "ulaw"], "secret": "20x", "contacts": 3},
        {"number": "205", "name": "", "codecs": ["alaw", "ulaw"], "webrtc": True, "contacts": 3},
    ]
    assert tenant["trunks"] == [
        {
            "name": "trunk1",
            "host": "sip.carrier.example",
            "port": 5061,
            "transport": "tls",
            "srtp": True,
            "codecs": ["g729", "alaw"],
            "username": "4831210114",
            "secret": "pa55",
            "register": True,
            "addresses": ["198.18.20.7"],
        }
    ]
    assert tenant["emergency_trunks"] == ["trunk1"]


def test_what_was_left_out_and_what_is_missing_is_said() -> None:
    said = "\n".join(str(remark) for remark in propose(sections(FILE), home="node1", domain="example.net").remarks)
    for part in ("stranger: left out", "205: its password is kept as a digest", "add its DIDs"):
        assert part in said
    assert "pa55" not in said


async def test_a_proposal_can_be_imported_as_it_is(world: World) -> None:
    found = propose(sections(FILE), home="node1", domain="example.net")
    data = encoded({"tenants": found.tenants}, "yaml")
    assert (await world.tenants.import_file(ROOT, data, dry_run=True)).changed == (1,)
    assert list((await world.tenants.import_file(ROOT, data)).passwords) == ["1_205"]


def test_hostile_text_proposes_nothing_and_ends() -> None:
    for text in ("[", "[]\n=", "[a](b)(c)", "[x](!)\n" * 1000, "a=b", "[1_200]\ntype=endpoint\naors=1_200\n" * 50):
        assert propose(sections(text), home="node1", domain="example.net").tenants[1:] == []
