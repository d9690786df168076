from __future__ import annotations

from array import array

from asterisk_ext.lab import g711
from asterisk_ext.lab.rtp import Packet, assemble, build, parse

LOUD = bytes([0xAA]) * 160


def packet(number: int, source: int = 1, payload: bytes = LOUD) -> Packet:
    return Packet(g711.ALAW, number, number * 160, source, payload)


def test_a_packet_is_read_back_as_it_was_built() -> None:
    assert parse(build(packet(7))) == packet(7)


def test_what_is_no_rtp_is_ignored() -> None:
    assert parse(b"\x00" * 40) is None
    assert parse(b"\x80") is None


def test_a_packet_that_came_late_stands_where_it_belongs() -> None:
    tone = g711.tone(500, 0.06)
    frames = [packet(n, payload=tone[n * 160 : n * 160 + 160]) for n in range(3)]
    in_order = assemble([(0.0, frames[0]), (0.02, frames[1]), (0.04, frames[2])])
    swapped = assemble([(0.0, frames[0]), (0.04, frames[2]), (0.05, frames[1])])
    assert swapped == in_order == g711.decode(g711.ALAW, tone)


def test_a_lost_packet_is_silence() -> None:
    heard = assemble([(0.0, packet(0)), (0.04, packet(2))])
    assert len(heard) == 480
    assert heard[160:320] == array("h", [0] * 160)


def test_another_source_begins_when_it_arrived() -> None:
    heard = assemble([(0.0, packet(0)), (1.0, packet(5000, source=2))])
    assert len(heard) == 8000 + 160


def test_other_payloads_are_not_heard() -> None:
    assert len(assemble([(0.0, Packet(101, 1, 160, 1, b"\x00" * 4))])) == 0


def test_codes_stand_for_the_values_of_the_recommendation() -> None:
    assert g711.decode(g711.ALAW, bytes([0xD5, 0x55, 0xAA, 0x2A])).tolist() == [8, -8, 32256, -32256]
    assert g711.decode(g711.ULAW, bytes([0xFF, 0x80, 0x00])).tolist() == [0, 32124, -32124]


def test_every_code_encodes_to_itself() -> None:
    values = g711.decode(g711.ALAW, bytes(range(256)))
    assert [g711.encode_alaw(value) for value in values] == list(range(256))


def test_a_tone_lasts_as_long_as_asked() -> None:
    assert len(g711.tone(440, 1.5)) == 12000


def test_packets_that_catch_up_after_a_pause_overwrite_nothing() -> None:
    tone = g711.tone(500, 2)
    frames = [packet(number, payload=tone[number * 160 : number * 160 + 160]) for number in range(100)]
    late = [(2.0 + 0.001 * number, frame) for number, frame in enumerate(frames[1:])]
    heard = assemble([(0.0, frames[0]), *late]).tobytes()
    assert g711.decode(g711.ALAW, tone[160:]).tobytes() in heard
