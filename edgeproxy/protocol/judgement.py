"""From a request's head to its verdict, and to the error of one that cannot be served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.desync import classify

if TYPE_CHECKING:
    from edgeproxy.protocol.desync import Verdict
    from edgeproxy.protocol.message import RequestHead


class UnreadableRequestError(ProtocolError):
    """A head that the load balancer cannot make sense of, whatever its desync mitigation mode.

    Attributes:
        verdict: What the classifier says of it; None where it is compliant, or where there was nothing to classify.
    """

    def __init__(self, status: int, fault: str, verdict: Verdict | None) -> None:
        super().__init__(status, fault)
        self.verdict = verdict


def judge(head: RequestHead, target: str, version: str) -> None:
    """Puts the verdict on a head.

    Args:
        head: The request.
        target: As received.
        version: As received; "" where the line has none.

    Raises:
        UnreadableRequestError: the header section has a fault that makes the request unreadable.
    """
    fields = head.fields
    headers = fields.headers or fields.fields
    head.verdict = classify(head.method, target, version, headers)
    if fields.fault is not None:
        raise UnreadableRequestError(fields.fault.status, fields.fault.fault, head.verdict)
