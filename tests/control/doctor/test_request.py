from __future__ import annotations

import re
from typing import Any

from edgeproxy.control.doctor.request import forwarded


def test_the_load_balancers_headers_come_first_and_in_its_order(subject_of: Any) -> None:
    text = forwarded(subject_of(8080), "/a?b", "Accept-Language: en").decode()

    assert re.fullmatch(
        "GET /a\\?b HTTP/1.1\r\n"
        "X-Forwarded-For: 203.0.113.10\r\n"
        "X-Forwarded-Proto: https\r\n"
        "X-Forwarded-Port: 443\r\n"
        "Host: localhost\r\n"
        "X-Amzn-Trace-Id: Root=1-[0-9a-f]{8}-[0-9a-f]{24}\r\n"
        "Accept-Language: en\r\n"
        "User-Agent: edgeproxy-doctor\r\n"
        "Accept: \\*/\\*\r\n"
        "\r\n",
        text,
    )


def test_clients_of_http_are_another_story(subject_of: Any) -> None:
    text = forwarded(subject_of(8080, host="app.example"), "/", protocol="http", port=80)

    assert b"\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\nHost: app.example\r\n" in text
