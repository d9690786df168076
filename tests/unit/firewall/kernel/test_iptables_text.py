from __future__ import annotations

from firewall.kernel.iptables.text import hook_first, own_lines, restore_text

SAVED = """*raw
:PREROUTING ACCEPT [120:9000]
:OURS - [0:0]
-A PREROUTING -i docker0 -j DROP
-A PREROUTING -j OURS
-A OURS -m set --match-set banned src -j DROP
COMMIT
""".splitlines()


def test_a_table_is_filled_anew_in_one_commit_as_text() -> None:
    rules: list[dict[str, object]] = [
        {"in-interface": "!lo", "protocol": "udp", "multiport": {"dports": "5060,10000:20000"}, "target": "DROP"},
        {"src": "198.18.0.0/15", "set": {"match-set": ["!", "watched", "src"]}, "target": {"goto": "THEIRS"}},
        {"u32": {"u32": ["!", "28=0x1 && 32=0x2"]}, "target": {"SET": {"add-set": ["met", "dst"], "exist": ""}}},
    ]
    assert restore_text("raw", {"OURS": rules, "THEIRS": []}, ["-I PREROUTING 1 -j OURS"]).splitlines() == [
        "*raw",
        ":OURS - [0:0]",
        ":THEIRS - [0:0]",
        "--append OURS --protocol udp ! --in-interface lo --match multiport --dports 5060,10000:20000 --jump DROP",
        "--append OURS --source 198.18.0.0/15 --match set ! --match-set watched src --goto THEIRS",
        '--append OURS --match u32 ! --u32 "28=0x1 && 32=0x2" --jump SET --add-set met dst --exist',
        "-I PREROUTING 1 -j OURS",
        "COMMIT",
    ]


def test_our_jump_is_put_before_what_others_have_put_first() -> None:
    assert hook_first(SAVED, "PREROUTING", "OURS") == ["-D PREROUTING -j OURS", "-I PREROUTING 1 -j OURS"]


def test_a_jump_that_is_first_already_stays() -> None:
    assert hook_first(["-A INPUT -j OURS", "-A INPUT -j THEIRS"], "INPUT", "OURS") == []


def test_what_is_compared_is_our_chains_and_what_their_hooks_begin_with_without_counts() -> None:
    assert own_lines(SAVED, ["OURS"], ["PREROUTING"]) == [
        ":OURS -",
        "-A OURS -m set --match-set banned src -j DROP",
        "-A PREROUTING -i docker0 -j DROP",
    ]
