"""Entries of the audit journal in words, each with its way back where there still is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from admin_http.i18n import LANGUAGES, N_, Words, epoch
from asterisk_ext.domain.access import Act, Actor, allows
from asterisk_ext.domain.audio import Kind
from asterisk_ext.domain.pbx import Status
from asterisk_ext.ports import Fleet
from asterisk_ext.services.audit import Entry

STATUS = {
    Status.ACTIVE: N_("Active"),
    Status.PARTIAL_BLOCK: N_("Partial block"),
    Status.TOTAL_BLOCK: N_("Total block"),
}
PLACED = {
    Status.ACTIVE: N_("Lifted the block of **{pbx}**"),
    Status.PARTIAL_BLOCK: N_("Put **{pbx}** under partial block"),
    Status.TOTAL_BLOCK: N_("Put **{pbx}** under total block"),
}
SOUNDS = {
    Kind.PARTIAL: N_("Partial block"),
    Kind.TOTAL: N_("Total block · from inside"),
    Kind.NEUTRAL: N_("Total block · from outside"),
    Kind.MUSIC: N_("Music on hold"),
}
RETURN = {
    Status.ACTIVE: N_("Lift the block"),
    Status.PARTIAL_BLOCK: N_("Back to partial block"),
    Status.TOTAL_BLOCK: N_("Back to total block"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """A way back: a link where it asks first, else a form."""

    label: str
    action: str
    fields: Mapping[str, str] = field(default_factory=dict)
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    at: float
    who: str
    you: bool
    text: Markup
    note: str = ""
    undo: Undo | None = None


def told(entry: Entry, actor: Actor, fleet: Fleet, names: Mapping[int, str], words: Words) -> Told:
    text, undo = _of(entry, fleet, names, words)
    may = undo is not None and allows(actor, Act.BAN if entry.act is Act.LIFT_BAN else entry.act)
    return Told(
        at=epoch(entry.at),
        who=entry.who,
        you=entry.who == actor.name,
        text=text,
        note=entry.facts.get("reason", ""),
        undo=undo if may else None,
    )


def _of(entry: Entry, fleet: Fleet, names: Mapping[int, str], words: Words) -> tuple[Markup, Undo | None]:
    facts = entry.facts
    match entry.act:
        case Act.BAN:
            undo = Undo(label=N_("Unblock"), action="/bans/lift", fields={"address": entry.thing})
            return words.rich(N_("Blocked **{address}**"), address=entry.thing), undo
        case Act.LIFT_BAN if facts.get("done") == "withdrawn":
            return words.rich(N_("Withdrew what **{server}** had told of bans"), server=entry.thing), None
        case Act.NEVER_BAN:
            return words.rich(NEVER.get(facts.get("done", ""), NEVER["listed"]), network=entry.thing), None
        case Act.LIFT_BAN:
            undo = Undo(label=N_("Block again"), action="/bans/add", fields={"address": entry.thing})
            return words.rich(N_("Unblocked **{address}**"), address=entry.thing), undo
        case Act.MAINTENANCE if "destination" in facts:
            return _entered(entry, fleet, words)
        case Act.MAINTENANCE:
            return words.rich(N_("Took **{server}** out of maintenance"), server=entry.thing), None
        case Act.CHANGE_PBX if "after" in facts:
            return _status(entry, fleet, names, words)
        case Act.CHANGE_PBX if "removed" in facts:
            return words.rich(N_("Removed **{pbx}**"), pbx=facts["removed"]), None
        case Act.CHANGE_PBX if "imported" in facts:
            return words.rich(N_("Imported **{count}** virtual PBXs"), count=facts["imported"]), None
        case Act.EXPORT_SECRETS:
            return words.rich(N_("Exported **{count}** virtual PBXs with their secrets"), count=entry.thing), None
        case Act.CHANGE_PBX:
            return words.rich(N_("Saved **{pbx}**"), pbx=_name(entry.thing, names)), None
        case Act.CHANGE_SERVER:
            return words.rich(SERVER.get(facts.get("done", ""), SERVER["edited"]), server=entry.thing), None
        case Act.CHANGE_FIREWALL if facts.get("done") == "countries":
            return words.rich(N_("Asked for newer country lists")), None
        case Act.CHANGE_FIREWALL if facts.get("done", "") in FIREWALL:
            return words.rich(FIREWALL[facts["done"]], thing=entry.thing), None
        case Act.CHANGE_AUDIOS if "after" in facts:
            chosen = facts["after"] or words.text(N_("the default"))
            place = _place(entry.thing, names, words)
            return words.rich(N_("Chose the audio **{audio}** for {place}"), audio=chosen, place=place), None
        case Act.CHANGE_AUDIOS if "removed" in facts:
            return words.rich(N_("Removed the audio **{audio}**"), audio=entry.thing), None
        case Act.CHANGE_AUDIOS:
            return words.rich(N_("Added the audio **{audio}**"), audio=entry.thing), None
        case Act.MANAGE_USERS if "erased" in facts:
            return words.rich(N_("Erased the blocked calls of **{pbx}**"), pbx=_name(entry.thing, names)), None
        case Act.MANAGE_USERS:
            return words.rich(N_("Changed the access of **{name}**"), name=entry.thing), None
        case Act.HANG_UP:
            return words.rich(N_("Hung up the call **{call}**"), call=entry.thing), None
    return words.rich(N_("{act}: **{thing}**"), act=entry.act, thing=entry.thing), None


FIREWALL = {
    "draft": N_("Edited the firewall's draft of **{thing}**"),
    "discarded": N_("Threw the firewall's draft of **{thing}** away"),
    "template": N_("Made a template of the firewall of **{thing}**"),
    "on_trial": N_("Put new firewall rules of **{thing}** on trial"),
    "confirmed": N_("Confirmed new firewall rules of **{thing}**"),
    "rolled_back": N_("Returned **{thing}** to its firewall rules before"),
    "list": N_("Saved the address list **{thing}**"),
    "list_removed": N_("Removed the address list **{thing}**"),
}


def _place(thing: str, names: Mapping[int, str], words: Words) -> str:
    """``pbx 3 music`` → the words for music, and that virtual PBX's name."""
    *whose, key = thing.split()
    kind, _, language = key.partition("/")
    said = [words.text(SOUNDS[Kind(kind)])] if kind in list(Kind) else [kind]
    said += [LANGUAGES.get(language, language)] if language else []
    return ", ".join([*said, *([_name(whose[1], names)] if len(whose) == 2 else [])])


NEVER = {
    "listed": N_("Had **{network}** never blocked"),
    "taken off": N_("Had **{network}** blocked like others again"),
}
SERVER = {
    "added": N_("Added the server **{server}**"),
    "edited": N_("Changed the addresses of **{server}**"),
    "removed": N_("Removed the server **{server}**"),
    "promoted": N_("Made **{server}** the registry's server"),
}


def _entered(entry: Entry, fleet: Fleet, words: Words) -> tuple[Markup, Undo | None]:
    moved = int(entry.facts["pbx"]) if entry.facts.get("pbx", "").isdecimal() else 0
    text = words.rich(
        N_("Put **{server}** into maintenance, {count} PBX to {destination}"),
        server=entry.thing,
        count=moved,
        destination=entry.facts["destination"],
    )
    current = fleet.maintenance().entries.get(entry.thing)
    if current is None or current.destination != entry.facts["destination"]:
        return text, None
    return text, Undo(label=N_("Bring back…"), action=f"/servers/{entry.thing}/maintenance", asks=True)


def _status(entry: Entry, fleet: Fleet, names: Mapping[int, str], words: Words) -> tuple[Markup, Undo | None]:
    before, after = Status(entry.facts["before"]), Status(entry.facts["after"])
    text = words.rich(PLACED[after], pbx=_name(entry.thing, names))
    now = {str(pbx.id): pbx.status for pbx in fleet.tenants()}.get(entry.thing)
    if now is not after or before is after:
        return text, None
    return text, Undo(label=RETURN[before], action=f"/pbx/{entry.thing}/status", fields={"status": str(before)})


def _name(number: str, names: Mapping[int, str]) -> str:
    return names.get(int(number), number) if number.isdecimal() else number
