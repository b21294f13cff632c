from __future__ import annotations

from edgeproxy.control.config.problem import ConfigFileError, ConfigWarning, Problem
from edgeproxy.errors import EdgeProxyError


def test_a_problem_reads_file_line_column_path_reason_hint() -> None:
    problem = Problem(file="a.yaml", line=3, col=5, path="A[0].B", reason="is wrong", suggestion="C")
    assert "a.yaml:3:5: A[0].B: is wrong (did you mean C?)" == str(problem)


def test_what_is_not_known_is_left_out() -> None:
    assert "a.yaml: is empty" == str(Problem(file="a.yaml", reason="is empty"))
    assert "a.yaml:1:1: is wrong" == str(Problem(file="a.yaml", line=1, col=1, reason="is wrong"))


def test_an_error_shows_a_line_for_each_problem() -> None:
    error = ConfigFileError([Problem(file="a", reason="one"), Problem(file="a", reason="two")])
    assert isinstance(error, EdgeProxyError)
    assert "a: one\na: two" == str(error)
    assert 2 == len(error.problems)


def test_a_warning_reads_like_a_problem() -> None:
    assert "a:1:2: P: r" == str(ConfigWarning(file="a", line=1, col=2, path="P", reason="r"))
