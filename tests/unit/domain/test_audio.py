"""Which audio is heard where, and what may bear which name."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.audio import (
    BARS,
    FORMATS,
    Kind,
    Library,
    Limits,
    Place,
    Recording,
    check_length,
    checked_name,
    name_of_file,
    peaks,
    place,
)
from asterisk_ext.domain.errors import Refusal


def recording(name: str, seconds: float = 8.0) -> Recording:
    return Recording(name=name, seconds=seconds, files={ending: f"{name}-{ending}" for ending in FORMATS})


LIBRARY = Library(
    recordings={name: recording(name) for name in ("own", "platform", "english", "song")},
    defaults={"partial_block/pt_BR": "platform", "partial_block/en": "english", "music": "song"},
    own={1: {"partial_block": "own"}, 2: {"partial_block": "lost", "music": "platform"}},
)


def names(kind: Kind, pbx: int, language: str = "pt_BR") -> list[str]:
    return [found.name for found in LIBRARY.choices(kind, pbx, language)]


def test_a_tenants_own_audio_comes_before_the_platforms() -> None:
    assert names(Kind.PARTIAL, 1) == ["own", "platform"]


def test_a_tenant_without_its_own_hears_the_platforms_in_its_language() -> None:
    assert names(Kind.PARTIAL, 3) == ["platform"]
    assert names(Kind.PARTIAL, 3, "en") == ["english"]
    assert names(Kind.PARTIAL, 3, "fr") == ["platform"]


def test_an_audio_that_is_not_in_the_library_is_passed_over() -> None:
    assert names(Kind.PARTIAL, 2) == ["platform"]


def test_music_speaks_no_language() -> None:
    assert names(Kind.MUSIC, 1, "en") == ["song"]
    assert names(Kind.MUSIC, 2) == ["platform", "song"]


def test_where_nothing_is_chosen_only_the_shipped_one_is_left() -> None:
    assert names(Kind.TOTAL, 1) == []


def test_a_node_needs_the_defaults_and_what_its_own_tenants_chose() -> None:
    assert [found.name for found in LIBRARY.needed([1])] == ["english", "own", "platform", "song"]
    assert [found.name for found in LIBRARY.needed([])] == ["english", "platform", "song"]


def test_every_place_of_a_recording_is_known() -> None:
    assert LIBRARY.places("platform") == [Place(kind=Kind.PARTIAL, language="pt_BR"), Place(kind=Kind.MUSIC, pbx=2)]


def test_another_content_has_another_file() -> None:
    assert recording("a").stem != recording("b").stem
    assert recording("a").stem == recording("a").stem


@pytest.mark.parametrize(
    ("kind", "pbx", "language"),
    [(Kind.PARTIAL, None, ""), (Kind.TOTAL, None, "fr"), (Kind.MUSIC, None, "en"), (Kind.PARTIAL, 1, "pt_BR")],
)
def test_a_place_without_the_language_it_needs_is_refused(kind: Kind, pbx: int | None, language: str) -> None:
    with pytest.raises(Refusal) as refusal:
        place(kind, pbx, language)
    assert refusal.value.error_id == "audio.no_language"


@pytest.mark.parametrize(
    ("file", "name"),
    [("Aviso Agosto.WAV", "aviso-agosto"), ("natal_2025.mp3", "natal-2025"), ("Férias (2).flac", "ferias-2"),
     ("x" * 200 + ".ogg", "x" * 40), ("a.b.m4a", "a-b")],
)  # fmt: skip
def test_a_files_name_proposes_an_audios(file: str, name: str) -> None:
    assert name_of_file(file) == name


@pytest.mark.parametrize(
    "file", ["../../etc/cron.d/x.mp3", "/etc/passwd", "..\\x.wav", ".mp3", "", "…", "x\0.wav", "a/b.mp3"]
)
def test_a_files_name_that_holds_a_path_or_nothing_is_refused(file: str) -> None:
    with pytest.raises(Refusal) as refusal:
        name_of_file(file)
    assert (refusal.value.error_id, refusal.value.field) == ("audio.bad_name", "file")


@pytest.mark.parametrize("name", ["", "Ä", "a b", "-a", "a" * 41, "a/b", "a,b", "${x}", "a\n"])
def test_a_name_is_plain(name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked_name(name)
    assert refusal.value.error_id == "audio.bad_name"


def test_an_announcement_may_be_a_minute_long_and_music_longer() -> None:
    check_length(Kind.MUSIC, recording("song", 200), Limits())
    check_length(Kind.PARTIAL, recording("aviso", 60), Limits())
    with pytest.raises(Refusal) as refusal:
        check_length(Kind.PARTIAL, recording("song", 200), Limits())
    assert refusal.value.error_id == "audio.too_long"


def test_the_waveform_is_high_where_it_is_loud() -> None:
    silence, loud = bytes([0xD5]), bytes([0xAA])
    drawn = peaks(silence * 4000 + loud * 4000)
    assert len(drawn) == BARS
    assert set(drawn[: BARS // 2]) == {0} and set(drawn[BARS // 2 :]) == {100}


def test_the_waveform_of_nothing_is_flat() -> None:
    assert peaks(b"") == (0,) * BARS
