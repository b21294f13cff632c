"""The fixtures in other people's projects: each test writes one and runs its tests in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

ASKING = """
import urllib3

def ask(alb, path="/"):
    return alb.clients.urllib3().request("GET", alb.url(path)).status
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs a project's tests, with the plugin as it is when edgeproxy is installed."""
    is_installed = "edgeproxy" in {each.name for each in entry_points(group="pytest11")}

    def run(test: str, *arguments: str, conftest: str = "", ini: str = "") -> pytest.RunResult:
        pytester.makeconftest(conftest)
        pytester.makepyfile(ASKING + test)
        pytester.makeini(f"[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n{ini}\n")
        plugin = () if is_installed else ("-p", "edgeproxy.testing.plugin")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *plugin, *arguments)

    return run


def test_without_any_configuration_http_redirects_and_https_forwards(run: Callable[..., pytest.RunResult]) -> None:
    run("""
from edgeproxy.testing import targets

def test_it(alb):
    assert 503 == ask(alb)
    alb.register(targets.answering("hello"))
    answer = alb.clients.requests().get(alb.http_url("/x"))
    assert ("hello", alb.url("/x")) == (answer.text, answer.url)
    alb.expect(path="/x", status=301, scheme="http", times=1)
    alb.expect(path="/x", status=200, scheme="https", times=1)
""").assert_outcomes(passed=1)


def test_the_pieces_can_be_overridden(run: Callable[..., pytest.RunResult]) -> None:
    conftest = """
import pytest
from edgeproxy.testing import targets

@pytest.fixture(scope="session")
def alb_config():
    return '''
LoadBalancers:
  - Name: mine
    Listeners: [{Port: 443, Protocol: HTTPS, Certificates: [{CertificateArn: dev}],
                 DefaultActions: [{Type: forward, TargetGroupArn: app}]}]
TargetGroups: [{Name: app, Port: 80}]
'''

@pytest.fixture
def alb_targets():
    return [targets.answering("mine")]

@pytest.fixture
def alb_ssl_context(alb_ca):
    return alb_ca.client_context(alb_ca.issue("alice"))

@pytest.fixture
def alb_time_scale():
    return 0.5

@pytest.fixture
def alb_names():
    return ["app.example.com"]
"""
    run(
        """
def test_it(alb, alb_ssl_context, make_alb):
    assert "mine" == alb.clients.requests().get("https://app.example.com/").text
    assert (0.5, alb_ssl_context, "mine") == (alb.time_scale, alb.ssl_context, alb.topology.load_balancers[0].name)
    assert alb_ssl_context is make_alb().ssl_context
""",
        conftest=conftest,
    ).assert_outcomes(passed=1)


def test_the_session_s_load_balancer_is_one_and_begins_anew_for_each_test(
    run: Callable[..., pytest.RunResult],
) -> None:
    run("""
seen = []

def check(alb):
    assert [] == alb.requests
    assert 503 == ask(alb)
    alb.add_rule(path="/*", fixed_response=200)
    assert 200 == ask(alb)
    seen.append(alb)

def test_a(session_alb):
    check(session_alb)

def test_b(session_alb):
    check(session_alb)
    assert seen[0] is seen[1]
""").assert_outcomes(passed=2)


def test_a_module_s_override_is_the_session_s_load_balancer_in_that_module_only(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    """Whichever module comes first: the load balancer of the one before is not taken for this one's."""
    override = """
import pytest
from edgeproxy.testing import targets

@pytest.fixture{scope}
def alb_targets():
    return [targets.answering("{name}")]

@pytest.mark.parametrize("number", range(2))
def test_it(session_alb, number):
    assert "{name}" == session_alb.clients.requests().get("https://localhost/").text
"""
    pytester.makepyfile(
        test_1=override.format(name="first", scope="(scope='session')"),
        test_2=override.format(name="second", scope=""),
    )
    run("""
from edgeproxy.testing.running import RUNNING

def test_it(session_alb):
    assert [] == session_alb.target_health()
    assert [session_alb] == [*RUNNING]
""").assert_outcomes(passed=5)


def test_what_a_test_forgets_is_stopped_and_what_a_fixture_has_is_not(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
import threading
from edgeproxy.testing import Alb, targets
from edgeproxy.testing.running import RUNNING

def test_forgets(theirs):
    Alb().start()
    targets.answering().start()
    assert 3 == len(RUNNING)

def test_finds_only_the_fixture_s(theirs, session_alb):
    assert {theirs, session_alb} == set(RUNNING)
    assert 503 == ask(theirs)

def test_clients_and_targets_go_with_their_load_balancer(make_alb):
    alb = make_alb(targets=[targets.answering()])
    ask(alb)
    alb.clients.connect()
    alb.stop()
    assert not [each for each in threading.enumerate() if each.name == "edgeproxy-target"]
""",
        conftest="""
import pytest
from edgeproxy.testing import Alb

@pytest.fixture(scope="session")
def theirs():
    return Alb().start()
""",
    ).assert_outcomes(passed=3)


def test_with_pytest_asyncio_and_a_target_on_the_test_s_own_loop(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
import asyncio

async def test_it(alb):
    async def answer(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nhi")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        alb.register(server.sockets[0].getsockname()[1])
        await alb.wait_healthy()
        async with alb.clients.aiohttp() as session, session.get("https://localhost/") as response:
            assert "hi" == await response.text()
        await alb.advance(120)
        assert ["healthy"] == [each.state for each in alb.target_health()]
""",
        ini="asyncio_mode = auto",
    ).assert_outcomes(passed=1)


def test_with_anyio_on_asyncio_and_on_trio(run: Callable[..., pytest.RunResult]) -> None:
    run("""
import pytest
from edgeproxy.testing import targets

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_it(alb, anyio_backend):
    alb.register(targets.answering("hi"))
    await alb.wait_healthy()
    async with alb.clients.async_httpx() as client:
        assert "hi" == (await client.get("https://localhost/")).text
    await alb.advance(1)
""").assert_outcomes(passed=2)


def test_with_pytest_aiohttp_s_servers(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
from aiohttp import web

async def test_it(alb, aiohttp_server):
    async def answer(request):
        return web.Response(text="hi")

    app = web.Application()
    app.router.add_get("/", answer)
    alb.register(await aiohttp_server(app))
    await alb.wait_healthy()
    async with alb.clients.aiohttp() as session, session.get(alb.url("/")) as response:
        assert "hi" == await response.text()
""",
        ini="asyncio_mode = auto",
    ).assert_outcomes(passed=1)


def test_with_pytest_xdist(run: Callable[..., pytest.RunResult]) -> None:
    """Ports and CAs do not meet."""
    run(
        """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(alb, session_alb, number):
    assert (503, 503) == (ask(alb), ask(session_alb))
""",
        "-n",
        "2",
    ).assert_outcomes(passed=6)


def test_the_plugin_alone_imports_next_to_nothing() -> None:
    """It is loaded in every project that has edgeproxy installed."""
    code = "import sys, edgeproxy.testing.plugin; print({'aiohttp', 'cryptography', 'msgspec'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "set()\n" == said


def test_edgeproxy_itself_does_without_pytest() -> None:
    code = "import sys, edgeproxy.testing.alb, edgeproxy.testing.targets; print('pytest' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "False\n" == said
