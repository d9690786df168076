"""How many phones are registered."""

from __future__ import annotations

from pathlib import Path

from dialplan.registered_phones import RegisteredPhones, accounts

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


async def test_while_asterisk_does_not_answer_the_last_number_stays(tmp_path: Path) -> None:
    program = tmp_path / "asterisk"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTING.decode()}\nEND\n")
    program.chmod(0o755)
    phones = RegisteredPhones(str(program))
    assert await phones.registered() == 2
    program.unlink()
    phones._good_until = 0.0
    assert await phones.registered() == 2
