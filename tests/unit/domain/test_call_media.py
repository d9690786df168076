from __future__ import annotations

from asterisk_ext.domain.call_media import RtpStatistics, media_of


def test_a_legs_audio_is_told_in_milliseconds_and_per_cent() -> None:
    told = RtpStatistics(rxcount=990, txcount=1000, rxploss=10, txjitter=0.0042, rtt=0.0315, txmes=87.64)
    assert media_of("PJSIP/1_200-00000001", told) == {
        "channel": "PJSIP/1_200-00000001",
        "received": 990,
        "sent": 1000,
        "lost": 10,
        "loss_percent": 1.0,
        "jitter_ms": 4.2,
        "round_trip_ms": 31.5,
        "mes": 87.6,
    }


def test_what_asterisk_has_no_figure_of_is_not_told_as_nought() -> None:
    assert media_of("PJSIP/1_200-00000001", RtpStatistics(txcount=50)) == {
        "channel": "PJSIP/1_200-00000001",
        "received": None,
        "sent": 50,
        "lost": None,
        "loss_percent": None,
        "jitter_ms": None,
        "round_trip_ms": None,
        "mes": None,
    }


def test_a_leg_without_rtp_has_no_figures_at_all() -> None:
    media = media_of("Local/200@x-00000001;1", None)
    assert {value for name, value in media.items() if name != "channel"} == {None}
