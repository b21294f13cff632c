from __future__ import annotations

import pytest

from tests.helpers.log_parsers import ATHENA, NAMES, agree, read_line

FORWARDED = (
    "http 2026-09-23T07:15:47.805298Z app/demo/98e3a879de9d6b42 203.0.113.7:5815 10.0.2.37:8080 0.001 0.003 0.000 200 "
    '200 153 3860 "GET http://www.example.com:80/a?x=1 HTTP/1.1" "curl/8.7.1" - - '
    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/ce5353cc7101de6d "
    '"Root=1-6ab37ca3-72b3ccd0353538ac305db394" "-" "-" 2 2026-09-23T07:15:47.801000Z "forward" "-" "-" '
    '"10.0.2.37:8080" "200" "-" "-" TID_d7917035eabacb42bea251b01fb60ab4 "-" "-" "-" 198.51.100.60'
)
MALFORMED = (
    "http 2026-09-23T07:17:32.454551Z app/demo/98e3a879de9d6b42 203.0.113.7:25824 - -1 -1 -1 400 - 0 272 "
    '"- http://demo-606955064.us-east-1.elb.amazonaws.com:80- -" "-" - - - "-" "-" "-" - '
    '2026-09-23T07:17:31.697000Z "-" "-" "-" "-" "-" "-" "-" TID_7d15a1935077a44b91952330c3dc3ed8 "-" "-" "-" '
    "198.51.100.60"
)


@pytest.mark.parametrize("line", [FORWARDED, MALFORMED])
def test_all_read_real_lines_alike(line: str) -> None:
    read = agree(line)

    assert {*NAMES, "verb", "url", "version"} == {*read}
    assert "198.51.100.60" == read["ip_address"]


@pytest.mark.parametrize("line", [FORWARDED + " more", FORWARDED.replace(" - - ", " -  - "), FORWARDED[:-14]])
def test_a_line_of_another_shape_is_refused(line: str) -> None:
    with pytest.raises(AssertionError):
        read_line(line)


def test_a_difference_between_parsers_is_noticed() -> None:
    with pytest.raises(AssertionError):
        agree(FORWARDED.replace(" 0.001 ", " 0.0010 "))


def test_the_expression_of_athena_refuses_lines_that_do_not_fit() -> None:
    assert None is ATHENA.fullmatch(FORWARDED.replace("203.0.113.7:5815", "203.0.113.7"))
