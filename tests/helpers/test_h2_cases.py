"""The list of what a client may do wrong is complete in the ways that can be counted."""

from __future__ import annotations

from tests.helpers.h2_cases import CASES, Scope
from tests.helpers.h2_wire import frames


def test_every_case_is_named_once() -> None:
    names = [str(case) for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_every_case_is_made_of_whole_frames() -> None:
    assert all(frames(case.wire) for case in CASES)


def test_what_is_allowed_has_no_code() -> None:
    assert {0} == {case.code for case in CASES if case.scope is Scope.NOTHING}
    assert 0 not in {case.code for case in CASES if case.scope is not Scope.NOTHING}
