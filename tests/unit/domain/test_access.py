"""Every act passes here."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.access import _LEAST, Act, Actor, Role, allows, require
from asterisk_ext.domain.errors import Refusal


def test_every_act_has_a_role_that_it_takes() -> None:
    assert set(_LEAST) == set(Act)


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_it_takes_and_no_more(act: Act, role: Role) -> None:
    actor = Actor("someone", role)
    if role >= _LEAST[act]:
        require(actor, act)
    else:
        with pytest.raises(Refusal) as refusal:
            require(actor, act)
        assert refusal.value.error_id == "access.forbidden"
    assert allows(actor, act) is (role >= _LEAST[act])


@pytest.mark.parametrize("act", Act)
def test_a_tenants_token_sees_its_own_calls_and_record_and_nothing_else(act: Act) -> None:
    actor = Actor("tenant 1", Role.ADMINISTRATOR, pbx=1)
    assert allows(actor, act, 1) is (act in {Act.SEE_CALLS, Act.SEE_PBX})
    assert not allows(actor, act, 2)
    assert not allows(actor, act)


def test_a_viewer_does_not_see_callers_numbers() -> None:
    assert not Actor("someone", Role.VIEWER).sees_numbers
    assert Actor("someone", Role.SUPPORT).sees_numbers
