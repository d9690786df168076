"""`asterisk-ext node join`: the token comes from standard input or a file, where nobody else on the machine sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from asterisk_ext.cli.node import join
from asterisk_ext.domain.errors import Refusal

NO_TOKEN = "this is no token"


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    file = tmp_path / "settings.toml"
    file.write_text(f'[node]\nname = "node2"\nstate = "{tmp_path}"\n')
    return ["--config", str(file)]


def test_a_token_as_an_argument_is_not_taken(settings: list[str]) -> None:
    result = CliRunner().invoke(join, [*settings, NO_TOKEN])
    assert result.exit_code == 2
    assert "unexpected extra argument" in result.output


@pytest.mark.parametrize("from_a_file", [True, False])
def test_a_token_is_read_from_standard_input_or_from_a_file(
    settings: list[str], tmp_path: Path, from_a_file: bool
) -> None:
    token = tmp_path / "token"
    token.write_text(NO_TOKEN)
    arguments = ["--file", str(token)] if from_a_file else []
    result = CliRunner().invoke(join, [*settings, *arguments], input=None if from_a_file else NO_TOKEN)
    assert isinstance(result.exception, Refusal), result.output
    assert result.exception.error_id.startswith("join.")
