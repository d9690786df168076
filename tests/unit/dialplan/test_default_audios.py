"""The announcements that ship with the product."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from asterisk_ext.domain.audio import LANGUAGES
from asterisk_ext.domain.gate import Audio
from dialplan.audio.defaults import ENDINGS, default_announcements, install_default_audios


def test_every_audio_exists_in_both_languages_and_every_format(tmp_path: Path) -> None:
    written = {str(path.relative_to(tmp_path)) for path in install_default_audios(tmp_path)}
    assert written == {
        f"default/{language}/{audio.value}.{ending}" for language in LANGUAGES for audio in Audio for ending in ENDINGS
    }


def test_installing_again_writes_nothing_and_repairs_what_is_damaged(tmp_path: Path) -> None:
    install_default_audios(tmp_path)
    assert install_default_audios(tmp_path) == []
    damaged = tmp_path / "default/en/neutral.alaw"
    damaged.write_bytes(b"")
    assert install_default_audios(tmp_path) == [damaged]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_announcement_is_neither_a_blip_nor_a_lecture(language: str) -> None:
    for audio, announcement in default_announcements("/sounds", language).items():
        assert announcement.file == f"/sounds/default/{language}/{audio.value}"
        assert 4 < announcement.seconds < 16


def test_an_announcement_is_whole_frames(tmp_path: Path) -> None:
    for path in install_default_audios(tmp_path):
        assert path.stat().st_size % 160 == 0


def test_an_unknown_language_hears_portuguese() -> None:
    assert default_announcements("/s", "xx")[Audio.TOTAL].file == "/s/default/pt_BR/total_block"


def test_third_parties_hear_nothing_about_a_block() -> None:
    texts = tomllib.loads(files("dialplan.audio").joinpath("texts.toml").read_text("utf-8"))
    for language in LANGUAGES:
        assert set(texts[language]) == {"voice", *(audio.value for audio in Audio)}
        assert "suspen" not in texts[language][Audio.NEUTRAL.value]
