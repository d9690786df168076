"""What the rendered configuration promises."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.gate import Policy
from dialplan.base_config import AriUser, BaseConfig, includes, render

CONFIG = BaseConfig(
    database="/var/lib/asterisk-ext/realtime.sqlite3",
    tracking=AriUser(user="asterisk-ext", password="looking-at-calls"),
    hangup=AriUser(user="asterisk-ext-hangup", password="hanging-up-calls"),
    node_emergency_trunks=("node_trunk1", "node_trunk2"),
)


def dialplan(config: BaseConfig = CONFIG) -> str:
    return render(config)["asterisk-ext.extensions.conf"]


def contexts() -> dict[str, list[str]]:
    """Context → its lines of dialplan."""
    found: dict[str, list[str]] = {}
    for line in dialplan().splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = []
        elif line and not line.lstrip().startswith(";"):
            found[list(found)[-1]].append(line)
    return found


def test_every_file_is_rendered_and_named_by_the_includes() -> None:
    assert set(render(CONFIG)) == set(includes().values())


def test_no_placeholder_is_left() -> None:
    for name, text in render(CONFIG).items():
        assert "{{" not in text, name
        assert "{%" not in text, name


def test_asterisk_sees_every_commit_because_batches_are_off() -> None:
    assert "batch = 0\n" in render(CONFIG)["asterisk-ext.res_config_sqlite3.conf"]


def test_ari_listens_on_loopback_and_the_tracking_user_may_only_look() -> None:
    texts = render(CONFIG)
    assert "bindaddr = 127.0.0.1\n" in texts["asterisk-ext.http.conf"]
    users = re.findall(r"\[([a-z-]+)\]\ntype = user\nread_only = (yes|no)", texts["asterisk-ext.ari.conf"])
    assert users == [("asterisk-ext", "yes"), ("asterisk-ext-hangup", "no")]


@pytest.mark.parametrize("context", ["asterisk-ext-phones", "asterisk-ext-trunks"])
def test_what_a_caller_dials_is_filtered_and_its_length_compared_before_anything_else(context: str) -> None:
    entries = "\n".join(contexts()[context]).split("exten => ")[1:]
    assert [entry.split(",")[0] for entry in entries] == ["_X", "_X.", "_+X."]
    for entry in entries:
        first, second = entry.splitlines()
        digits = re.escape("${LEN(${FILTER(0-9,${EXTEN")
        assert re.search(rf"GotoIf\(\$\[{digits}.* = \${{LEN\(\${{EXTEN.* & {digits}.* <= 32\]", first)
        assert second == " same => n,Hangup(28)"


def test_the_raw_number_is_used_nowhere_else() -> None:
    digits_only = {"asterisk-ext-call", "asterisk-ext-emergency-call", "asterisk-ext-did"}
    filtering = {"asterisk-ext-phones", "asterisk-ext-trunks", "asterisk-ext-nodes"}
    users = {name for name, lines in contexts().items() if any("${EXTEN" in line for line in lines)}
    assert users == digits_only | filtering
    entered = set(re.findall(r"asterisk-ext-(?:call|emergency-call|did),(.+),1\)$", dialplan(), re.MULTILINE))
    assert entered == {"${FILTER(0-9,${EXTEN})}", "${FILTER(0-9,${EXTEN:1})}", "${AST_EXT_BARE}"}


def test_emergency_comes_before_the_tenant_the_gate_the_limit_and_every_lookup() -> None:
    lines = contexts()["asterisk-ext-call"]
    assert lines[0].endswith("?emergency)")
    assert not re.search(r"REALTIME|AGI|GROUP|tenant", lines[0])
    found = next(at for at, line in enumerate(lines) if "n(emergency)" in line)
    assert "Gosub(asterisk-ext-emergency,s,1(${EXTEN}))" in lines[found]
    assert "Goto(asterisk-ext-emergency-call,${AST_EXT_BARE},1)" in lines[found + 2]


@pytest.mark.parametrize("context", ["asterisk-ext-emergency", "asterisk-ext-emergency-call", "asterisk-ext-out"])
def test_emergency_calls_touch_no_service_and_no_database(context: str) -> None:
    for line in contexts()[context]:
        assert not re.search(r"REALTIME|AGI|GROUP|ODBC|CURL|SHELL|DB\(", line), line


def test_the_nodes_emergency_trunks_follow_the_tenants() -> None:
    assert (
        "Set(AST_EXT_TRUNKS=${CUT(AST_EXT_EMERGENCY,:,1)}&node_trunk1/&node_trunk2/)"
        in contexts()["asterisk-ext-emergency-call"][1]
    )


def test_a_call_without_a_tenant_never_leaves() -> None:
    gate = contexts()["asterisk-ext-gate"]
    at = gate.index('exten => _known-!,1,GotoIf($["${AST_EXT_PBX}" = ""]?refused:ask,1)')
    assert gate[at + 1] == " same => n(refused),Hangup(21)"


def test_the_verdict_decides_and_never_the_agis_status() -> None:
    assert "${AGISTATUS}" not in dialplan()
    assert "AST_EXT_VERDICT" in "\n".join(contexts()["asterisk-ext-gate"])


def test_a_silent_service_is_left_after_two_seconds() -> None:
    lines = "\n".join(contexts()["asterisk-ext-gate"])
    before = lines[: lines.index("AGI(agi://")]
    assert "AGIEXITONHANGUP=yes" in before
    assert "TIMEOUT(absolute)=2" in before
    assert 'exten => T,1,GotoIf($["${since}" = ""]?ask,asked:verdict,1)' in lines


def test_who_may_hear_no_announcement_is_not_asked_about_but_for_support_lines_and_what_an_option_lets_pass() -> None:
    def conditions(policy: Policy) -> list[str]:
        return re.findall(
            r"exten => known-[a-z]+_block,1,GotoIf\(\$\[(.*) & \(|,1,GotoIf\(\$\[\(",
            dialplan(replace(CONFIG, policy=policy)),
        )

    outbound, support = '"${ARG1}" = "outbound"', '${REGEX("[.]${ARG2}[.]" .08001234.)} = 0'
    assert conditions(Policy()) == [outbound, ""]
    assert conditions(Policy(support_lines=("08001234",))) == [f"{outbound} & {support}", support]
    assert conditions(Policy(internal_passes_in_total_block=True)) == [outbound, '"${ARG1}" != "internal"']


def test_internal_calls_pass_in_a_total_block_only_with_the_option() -> None:
    line = '"${status}" = "total_block" & "${direction}" = "internal"'
    assert line not in dialplan()
    assert line in dialplan(replace(CONFIG, policy=Policy(internal_passes_in_total_block=True)))


def test_blocked_calls_are_answered_only_with_the_option() -> None:
    assert "Answer()" not in dialplan()
    assert "Answer()" in dialplan(replace(CONFIG, policy=Policy(answer=True)))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("database", "/tmp/x\n[general]"),
        ("sounds", "relative"),
        ("agi", "agi://127.0.0.1/x,System(rm)"),
        ("language", "pt"),
        ("node_emergency_trunks", ("a&Local/1@x",)),
        ("tracking", AriUser(user="a", password="short")),
        ("hangup", AriUser(user="a]", password="long-enough-password")),
        ("policy", Policy(support_lines=("0800)",))),
    ],
)
def test_a_setting_that_could_end_its_line_is_refused(setting: str, value: object) -> None:
    with pytest.raises(Refusal) as refusal:
        render(replace(CONFIG, **{setting: value}))  # type: ignore[arg-type]
    assert refusal.value.error_id == "dialplan.unsafe_setting"


def test_a_phones_own_words_reach_dial_only_after_a_whitelist() -> None:
    ringing = "\n".join(contexts()["asterisk-ext-ring"])
    assert dialplan().count("PJSIP_DIAL_CONTACTS") - dialplan().count("${LEN(${PJSIP_DIAL_CONTACTS") == 1
    assert "Set(LOCAL(plain)=${FILTER(" in ringing
    assert "${LEN(${plain})} = ${LEN(${contacts})} & ${LEN(${others})} = 0]" in ringing


def test_another_server_s_calls_reach_extensions_only_and_never_a_trunk() -> None:
    lines = contexts()["asterisk-ext-nodes"]
    assert [line.split(",")[0] for line in lines if line.startswith("exten")] == ["exten => _rX.", "exten => _eX."]
    left_for = set(re.findall(r"(?:Gosub|Goto)\(([a-z-]+),", "\n".join(lines)))
    assert left_for == {"asterisk-ext-tenant", "asterisk-ext-ring", "asterisk-ext-limit", "asterisk-ext-reach"}
    for line in lines:
        if line.startswith("exten"):
            assert ":5062$" in line, "over the fleet's own transport"
            assert "${LEN(${FILTER(0-9_,${EXTEN:1})})} = ${LEN(${EXTEN:1})} & ${LEN(${EXTEN})} <= 48" in line
