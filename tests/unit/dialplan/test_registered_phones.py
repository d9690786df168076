"""How many phones are registered."""

from __future__ import annotations

from pathlib import Path

from asterisk_ext.ports.asterisk import Contact
from dialplan.registered_phones import RegisteredPhones, accounts, places

LISTING = b"""
  Contact:  <Aor/ContactUri..............................> <Hash....> <Status> <RTT(ms)..>
==========================================================================================

  Contact:  1_200/sip:1_200-0x5629d0cce770@198.18.10.1:506 dd7dffb7d1 NonQual        -nan
  Contact:  1_200/sip:1_200@198.18.10.2:5060               aa7dffb7d1 NonQual        -nan
  Contact:  1_201/sip:1_201-0x5629d0cd04f0@198.18.10.1:506 42148f5dd9 NonQual        -nan
  Contact:  1_trunk14/sip:198.18.20.1:5060                 edeec59c08 NonQual        -nan
  Contact:  hotel-carrier/sip:198.18.20.1:5060             edeec59c08 NonQual        -nan

Objects found: 5
"""


def test_a_phone_registered_twice_is_one_and_trunks_are_no_phones() -> None:
    assert accounts(LISTING) == {b"1_200", b"1_201"}


async def test_while_asterisk_does_not_answer_the_last_numbers_stay(tmp_path: Path) -> None:
    program = tmp_path / "asterisk"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTING.decode()}\nEND\n")
    program.chmod(0o755)
    phones = RegisteredPhones(str(program))
    assert await phones.registered() == {1: 2}
    program.unlink()
    phones._good_until = 0.0
    assert await phones.registered() == {1: 2}


REGISTRAR = b"""
/registrar/contact/1_200;@46e4d59e55c3ef1dec158c126f05e54d: {"via_addr":"198.18.10.1","path":"","endpoint":"1_200",\
"via_port":"5060","uri":"sip:1_200-0x55a420435770@198.18.10.1:5060","user_agent":"baresip v1.0.0 (x86_64/linux)"}
/registrar/contact/1_201;@9ff3f7522b16aa0f2e7a5b4905d3cfa1: {"via_addr":"2001:db8::7","endpoint":"1_201",\
"uri":"sip:1_201@[2001:db8::7]:5061;transport=TLS;ob","user_agent":"}: {\\"via_addr\\":\\"192.0.2.9\\"}"}
/registrar/contact/1_trunk14;@cd: {"via_addr":"198.18.20.1","endpoint":"1_trunk14","uri":"sip:198.18.20.1:5060"}
/registrar/contact/1_202;@ef: {"via_addr":"phone.invalid","endpoint":"1_202","uri":"sip:1_202@phone.invalid"}
/registrar/contact/1_203;@ff: {"via_addr":
5 results found.
""".replace(b"\\\n", b"")


def test_a_phone_is_where_its_packets_come_from_whatever_its_uri_or_its_name_says() -> None:
    assert places(REGISTRAR) == [Contact("1_200", "198.18.10.1", "udp"), Contact("1_201", "2001:db8::7", "tls")]
