"""The tests of the shop that need its load balancer. They wait for nothing: time is moved."""

from __future__ import annotations

import ssl
import threading
from collections import Counter
from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
from app import EVENT, stock_service
from websockets.sync.client import connect

from edgeproxy.testing import targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.testing import Alb, ThrowAwayCA
    from edgeproxy.testing.plugin import MakeAlb

    Instance = Callable[[str], targets.AiohttpTarget]


def test_http_is_redirected_to_https(alb: Alb, instance: Instance) -> None:
    """The app believes the load balancer about the scheme: else its own links would redirect for ever."""
    alb.register(instance("blue"))

    answer = alb.clients.requests().get("http://shop.example.com/whoami")

    assert [301] == [each.status_code for each in answer.history]
    assert "https://shop.example.com:443/whoami" == answer.history[0].headers["Location"]
    assert "https://shop.example.com/whoami" == answer.json()["self"]
    alb.expect(scheme="http", outcome="REDIRECTED", times=1)


def test_a_session_sticks_to_its_instance(alb: Alb, instance: Instance) -> None:
    """For as long as the cookie holds: an hour."""
    attributes = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "3600"}
    alb.add_target_group("sticky", instance("blue"), instance("green"), TargetGroupAttributes=attributes)
    alb.add_rule(path="/basket", forward="sticky")
    session = alb.clients.requests()

    baskets = [session.get("https://localhost/basket").json() for _ in range(4)]

    assert 1 == len({each["name"] for each in baskets})
    assert 4 == len(baskets[-1]["items"])
    old = {"Cookie": f"AWSALB={session.cookies['AWSALB']}"}
    alb.advance(3601)
    client = alb.clients.urllib3()
    late = {client.request("GET", "https://localhost/basket", headers=old).json()["name"] for _ in range(2)}
    assert {"blue", "green"} == late


def test_a_rolling_deploy_loses_no_request(alb: Alb, instance: Instance) -> None:
    """New instances come, old ones drain, and requests go on meanwhile."""
    old = [instance("old-1"), instance("old-2")]
    alb.register(*old)
    alb.wait_healthy()
    client, statuses = alb.clients.urllib3(), Counter[int]()
    was_answered, is_done = threading.Event(), threading.Event()

    def customers() -> None:
        while not is_done.is_set():
            statuses[client.request("GET", "https://localhost/whoami").status] += 1
            was_answered.set()

    shopping = threading.Thread(target=customers)
    shopping.start()
    for number, each in enumerate(old, start=1):
        alb.register(instance(f"new-{number}"))
        alb.wait_healthy()
        alb.deregister(each)
        was_answered.clear()
        was_answered.wait()  # what was under way is over; time that is moved waits for nobody
        alb.advance(30)  # the deregistration delay
        each.stop()
    is_done.set()
    shopping.join()

    assert [200] == list(statuses)
    assert {"healthy"} == {each.state for each in alb.target_health()}


def test_the_keep_alive_race(alb: Alb) -> None:
    """An app that closes idle connections before the load balancer does loses requests; one that waits longer, none."""
    hasty, patient = targets.keep_alive_race(), targets.answering()
    session = alb.clients.requests()

    alb.register(hasty)
    assert [200, 502] == [session.get("https://localhost/").status_code for _ in range(2)]
    (lost,) = alb.expect(status=502)
    assert (None, "TARGET_CLOSED") == (lost.target_status, lost.outcome)

    alb.register(patient)  # as with a keep-alive above the load balancer's 60 seconds
    alb.deregister(hasty)
    assert {200} == {session.get("https://localhost/").status_code for _ in range(5)}


def test_a_silent_stream_is_cut_after_the_idle_timeout(alb: Alb, instance: Instance) -> None:
    """A stream needs a sign of life every sixty seconds, and the shop gives one every two minutes."""
    alb.register(instance("blue"))
    with alb.clients.httpx() as client, client.stream("GET", "https://localhost/events") as stream:
        received = stream.iter_raw()
        assert EVENT == next(received)

        alb.advance(59)
        alb.expect(path="/events", times=0)
        alb.advance(3)

        with pytest.raises(httpx.RemoteProtocolError):
            next(received)
    alb.expect(path="/events", outcome="TARGET_SILENT")


def test_an_instance_that_flaps(alb: Alb) -> None:
    """Two failed checks in a row take it out, five passed ones bring it back; the other serves meanwhile."""
    steady, flapping = targets.answering("steady"), targets.answering("flapping")
    alb.register(steady, flapping)
    alb.wait_healthy()

    flapping.health_status = 500
    alb.advance(30)
    assert ["healthy", "healthy"] == [each.state for each in alb.target_health()]
    alb.advance(30)
    assert ["healthy", "unhealthy"] == [each.state for each in alb.target_health()]
    assert "Health checks failed with these codes: [500]" == alb.target_health()[1].description

    session = alb.clients.requests()
    assert {"steady"} == {session.get("https://localhost/").text for _ in range(4)}

    flapping.health_status = 200
    alb.wait_healthy()
    assert {"steady", "flapping"} == {session.get("https://localhost/").text for _ in range(4)}


def test_mutual_tls(make_alb: MakeAlb, alb_ca: ThrowAwayCA, instance: Instance) -> None:
    """Who has a certificate of ours is known to the app by its name; who has none does not get in."""
    mutual = {"Mode": "verify", "TrustStoreArn": str(alb_ca.file)}
    listener = {
        "Port": 443,
        "Protocol": "HTTPS",
        "Certificates": [{"CertificateArn": "dev"}],
        "MutualAuthentication": mutual,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": "shop"}],
    }
    configuration = {
        "LoadBalancers": [{"Name": "shop", "Listeners": [listener]}],
        "TargetGroups": [{"Name": "shop", "Port": 8080, "HealthCheckPath": "/health"}],
    }
    alice = alb_ca.client_context(alb_ca.issue("alice.clients.test"))
    alb = make_alb(configuration, targets=[instance("blue")], ssl_context=alice)

    assert "CN=alice.clients.test" in alb.clients.requests().get("https://localhost/whoami").json()["client"]
    with pytest.raises((ssl.SSLError, ConnectionError)), alb.clients.connect(context=alb_ca.client_context()) as sock:
        sock.recv(1)


def test_grpc(alb: Alb) -> None:
    """A target group of its own version; health checks call a method that the service need not have."""
    stock = targets.grpc(lambda server: server.add_generic_rpc_handlers([stock_service()]))
    alb.add_target_group("stock", stock, ProtocolVersion="GRPC")
    alb.add_rule(path="/shop.Stock/*", forward="stock")
    alb.wait_healthy("stock")
    channel = alb.clients.grpc(host="shop.example.com")

    assert b"7 apples" == channel.unary_unary("/shop.Stock/Count")(b"apples")
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/shop.Stock/Count")(b"pears")

    assert (grpc.StatusCode.NOT_FOUND, "no pears") == (refused.value.code(), refused.value.details())
    called = alb.expect(path="/shop.Stock/Count", version="HTTP/2.0", status=200, times=2)
    assert ("shop.example.com", "https") == (
        called[0].target_headers[":authority"],
        called[0].target_headers["x-forwarded-proto"],
    )


def test_a_websocket_goes_through(alb: Alb, instance: Instance) -> None:
    """It is one request, which ends when the WebSocket does."""
    alb.register(instance("blue"))
    url = alb.url("/chat").replace("https", "wss")
    with connect(url, ssl=alb.ssl_context) as socket:
        socket.send("hello")
        assert "blue: hello" == socket.recv()
        alb.expect(path="/chat", times=0)

    (request,) = alb.expect(path="/chat", status=101)
    assert "websocket" == request.target_headers["Upgrade"]


def test_a_canary_gets_its_share(alb: Alb) -> None:
    """One customer in ten, and who has seen it stays with it."""
    alb.add_target_group("blue", targets.answering("blue"))
    alb.add_target_group("canary", targets.answering("canary"))
    alb.add_rule(path="/*", forward={"blue": 90, "canary": 10}, sticky_seconds=3600)

    client = alb.clients.urllib3()
    seen = Counter(client.request("GET", "https://localhost/").data.decode() for _ in range(300))
    session = alb.clients.requests()
    visits = {session.get("https://localhost/").text for _ in range(10)}

    assert 10 <= seen["canary"] <= 60
    assert 300 == seen.total()
    assert 1 == len(visits)
