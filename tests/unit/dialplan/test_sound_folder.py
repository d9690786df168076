"""Recordings on disk: by content, whole or not at all, never pulled away from a call."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from asterisk_ext.domain.audio import FORMATS, Recording
from dialplan.audio.sound_folder import UNUSED, SoundsOnDisk, directory, playable

FILES = {ending: f"samples in {ending}".encode() for ending in FORMATS}
RECORDING = Recording(
    name="aviso", seconds=8, files={ending: hashlib.sha256(data).hexdigest() for ending, data in FILES.items()}
)
NOW = 1_800_000_000.0


@pytest.fixture
def sounds(tmp_path: Path) -> SoundsOnDisk:
    folder = SoundsOnDisk(tmp_path)
    folder.put(RECORDING, FILES)
    return folder


def place(tmp_path: Path) -> Path:
    return Path(directory(str(tmp_path), RECORDING.stem))


def test_a_recording_lies_where_asterisk_plays_it(sounds: SoundsOnDisk, tmp_path: Path) -> None:
    assert sounds.holds(RECORDING)
    assert Path(playable(str(tmp_path), RECORDING.stem) + ".alaw").read_bytes() == FILES["alaw"]
    assert sorted(path.name for path in place(tmp_path).iterdir()) == sorted(f"audio.{ending}" for ending in FORMATS)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_with_another_content_is_not_held_and_removed(sounds: SoundsOnDisk, tmp_path: Path, ending: str) -> None:
    assert sounds.holds(RECORDING)
    (place(tmp_path) / f"audio.{ending}").write_bytes(b"something else altogether")
    assert not sounds.holds(RECORDING)
    assert not place(tmp_path).exists()


def test_a_lost_file_is_noticed(sounds: SoundsOnDisk, tmp_path: Path) -> None:
    assert sounds.holds(RECORDING)
    (place(tmp_path) / "audio.g722").unlink()
    assert not sounds.holds(RECORDING)


def test_what_was_interrupted_half_way_does_not_count(tmp_path: Path) -> None:
    half = SoundsOnDisk(tmp_path)
    fresh = tmp_path / "library" / f".{RECORDING.stem}.new"
    fresh.mkdir(parents=True)
    (fresh / "audio.alaw").write_bytes(FILES["alaw"])
    assert not half.holds(RECORDING)
    half.put(RECORDING, FILES)
    assert half.holds(RECORDING)
    assert not fresh.exists()


def test_what_nothing_asks_for_stays_a_day(sounds: SoundsOnDisk) -> None:
    assert sounds.sweep([RECORDING.stem], NOW) == []
    assert sounds.sweep([], NOW + UNUSED - 1) == []
    assert sounds.sweep([RECORDING.stem], NOW + UNUSED) == []
    assert sounds.sweep([], NOW + 2 * UNUSED - 1) == []
    assert sounds.sweep([], NOW + 2 * UNUSED + 1) == [RECORDING.stem]
    assert not sounds.holds(RECORDING)


def test_a_call_that_plays_a_removed_file_reads_it_to_its_end(sounds: SoundsOnDisk, tmp_path: Path) -> None:
    with (place(tmp_path) / "audio.alaw").open("rb") as playing:
        sounds.sweep([RECORDING.stem], NOW)
        sounds.sweep([], NOW + 2 * UNUSED)
        assert playing.read() == FILES["alaw"]
