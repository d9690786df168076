"""`asterisk-ext audio converter`: it decodes strangers' files."""

from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from asterisk_ext.cli.audio import converter
from asterisk_ext.domain.errors import Refusal


def test_the_converter_is_not_started_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    result = CliRunner().invoke(converter, [])
    assert isinstance(result.exception, Refusal), result.output
    assert result.exception.error_id == "audio.converter_as_root"
