"""RFC 9113 sections 4 to 8 and RFC 7541, one rule a case, whole and byte by byte."""

from __future__ import annotations

import pytest

from edgeproxy.protocol.h2_hpack import HeaderEncoder
from tests.helpers.h2_cases import CASES, Case, Scope
from tests.helpers.h2_wire import GOAWAY, RST_STREAM, Frame, Server, codes, frames, greeted_server

OK = HeaderEncoder().encode_response(200, [])


class Answering(Server):
    """Answers every request at once."""

    def on_request(self, stream_id: int, head: object, payload: bytes, is_complete: bool) -> None:
        self.codec.send_head(stream_id, OK, end_stream=True)


def run(case: Case, *, bytewise: bool) -> list[Frame]:
    """What the server writes."""
    server = greeted_server()
    if case.is_answered:
        server.__class__ = Answering
    if bytewise:
        server.feed_bytewise(case.wire)
    else:
        server.codec.feed(case.wire)
    return frames(server.wire)


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_rule_is_kept(case: Case, bytewise: bool) -> None:
    written = run(case, bytewise=bytewise)
    resets = [code for _, code in codes(written, RST_STREAM)]
    goaways = [code for _, code in codes(written, GOAWAY)]
    assert ([case.code] if case.scope is Scope.STREAM else []) == resets
    has_left = case.name.endswith("in GOAWAY")
    expected = [case.code] if case.scope is Scope.CONNECTION else [0] if has_left else []
    assert expected == goaways
