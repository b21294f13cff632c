"""Clients that people use, over HTTP/2, and those of HTTP/1.1 on the same listener."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import shutil
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest

from edgeproxy.runtime.access_log import AccessLog
from tests.helpers.h2_client import connect_h2
from tests.helpers.https import locator, over_tls, running_tls, trusting
from tests.helpers.log_parsers import Line, agree
from tests.helpers.programs import Finished, run_program
from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, echoing, garbage, leaving_after, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.targets import Script

BODY = bytes(range(256)) * 8192
RULES = """[
  {Priority: 1, Conditions: [{Field: path-pattern, Values: [/away*]}],
   Actions: [{Type: redirect, RedirectConfig: {Path: "/new", StatusCode: HTTP_301}}]},
  {Priority: 2, Conditions: [{Field: path-pattern, Values: [/fixed*]}],
   Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404", ContentType: text/plain,
     MessageBody: "none"}}]}]
""".replace("\n", " ")
BROWSER = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
PAGE = b"""<!doctype html><title>page</title><body><script>
fetch("/data", {method: "POST", body: "hello"}).then(answer => answer.text()).then(text => {
  const protocols = performance.getEntries().map(entry => entry.nextHopProtocol).filter(name => name);
  document.body.textContent = "said " + text + " over " + [...new Set(protocols)].join() + " end";
});
</script>"""


@contextlib.asynccontextmanager
async def behind(
    script: Script, folder: Path, *, attributes: str = ""
) -> AsyncIterator[tuple[RunningProxy, ScriptedTarget]]:
    """A proxy with an HTTPS listener in front of one target that does this."""
    async with ScriptedTarget(script) as target:
        text = forwarding_to(target.port, rules=RULES, attributes=attributes)
        async with running_tls(text, folder, time_scale=1) as edgeproxy:
            yield edgeproxy, target


def url(edgeproxy: RunningProxy, path: str = "/") -> str:
    return f"https://127.0.0.1:{edgeproxy.port(443)}{path}"


async def curl(*arguments: str, given: bytes = b"") -> Finished:
    """Curl over HTTP/2, which it has to get."""
    done = await run_program("curl", "-sSvk", "--http2", "--max-time", "20", *arguments, given=given)
    assert 0 == done.code, done.errors
    assert "ALPN: server accepted h2" in done.errors
    return done


async def test_curl_gets_and_looks(tmp_path: Path) -> None:
    async with behind(answering(b"hello", headers=("X-Thing: 1",)), tmp_path) as (edgeproxy, _):
        got = await curl(url(edgeproxy, "/some/where"))
        looked = await curl("-I", url(edgeproxy))

    assert b"hello" == got.output
    assert "< HTTP/2 200" in got.errors
    assert "< x-thing: 1" in got.errors
    assert looked.output.startswith(b"HTTP/2 200 \r\n")
    assert b"content-length: 5\r\n" in looked.output


async def test_curl_posts_with_and_without_a_length(tmp_path: Path) -> None:
    async with behind(echoing, tmp_path) as (edgeproxy, target):
        known = await curl("-H", "Expect:", "--data-binary", "@-", url(edgeproxy), given=BODY)
        unknown = await curl("-X", "POST", "-T", "-", url(edgeproxy), given=BODY)

    assert [True, True] == [BODY == done.output for done in (known, unknown)]  # a difference of 2 MiB is no reading
    assert b"content-length: 2097152" in target.heads[0]
    assert b"transfer-encoding: chunked" in target.heads[1]


async def test_curl_asks_many_things_on_one_connection(tmp_path: Path) -> None:
    async with behind(answering(b"x"), tmp_path) as (edgeproxy, _):
        done = await curl("--parallel", "--parallel-immediate", *[url(edgeproxy, f"/{number}") for number in range(50)])
        opened = edgeproxy.proxy.metrics.load_balancers["dev"].new_connections

    assert b"x" * 50 == done.output
    assert opened <= 50


async def test_curl_is_redirected_and_refused(tmp_path: Path) -> None:
    async with behind(answering(b"x"), tmp_path) as (edgeproxy, _):
        away = await curl(
            "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{redirect_url}", url(edgeproxy, "/away?a=b")
        )
        fixed = await curl(url(edgeproxy, "/fixed"))
        large = await curl("-H", "X-Large: " + "x" * 16_384, url(edgeproxy))

    assert b"2 301 https://127.0.0.1:443/new?a=b" == away.output
    assert b"none" == fixed.output
    assert "< HTTP/2 400" in large.errors
    assert b"<center><h1>400 Bad Request</h1></center>" in large.output


@pytest.mark.parametrize(("script", "status"), [(garbage, 502), (leaving_after(b""), 502)], ids=["garbage", "closes"])
async def test_curl_gets_error_pages(script: Script, status: int, tmp_path: Path) -> None:
    async with behind(script, tmp_path) as (edgeproxy, _):
        done = await curl(url(edgeproxy))

    assert f"< HTTP/2 {status}" in done.errors
    assert b"<center><h1>502 Bad Gateway</h1></center>" in done.output


async def test_h2load_is_answered_every_time(tmp_path: Path) -> None:
    async with behind(answering(b"hello"), tmp_path) as (edgeproxy, _):
        done = await run_program(
            "h2load", "-n2000", "-c5", "-m20", url(edgeproxy, "/x"), url(edgeproxy, "/y"), package="nghttp2-client"
        )

    assert b"2000 succeeded, 0 failed, 0 errored, 0 timeout" in done.output
    assert b"status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx" in done.output
    assert b"Application protocol: h2" in done.output


async def test_openssl_agrees_on_h2(tmp_path: Path) -> None:
    async with behind(answering(), tmp_path) as (edgeproxy, _):
        address = f"127.0.0.1:{edgeproxy.port(443)}"
        done = await run_program("openssl", "s_client", "-connect", address, "-alpn", "h2,http/1.1", given=b"Q\n")

    assert b"ALPN protocol: h2" in done.output


async def test_httpx_and_aiohttp_and_curl_share_a_listener(tmp_path: Path) -> None:
    async with behind(echoing, tmp_path) as (edgeproxy, target):

        async def by_httpx() -> tuple[str, bytes]:
            async with httpx.AsyncClient(http2=True, verify=trusting()) as client:
                answers = await asyncio.gather(*(client.post(url(edgeproxy), content=BODY) for _ in range(8)))
                return answers[0].http_version, answers[-1].content

        async def by_aiohttp() -> tuple[str, bytes]:
            async with (
                aiohttp.ClientSession() as session,
                session.post(url(edgeproxy), data=io.BytesIO(BODY), ssl=trusting()) as answer,
            ):
                assert answer.version is not None
                return f"HTTP/{answer.version.major}.{answer.version.minor}", await answer.read()

        async def by_curl() -> tuple[str, bytes]:
            done = await curl("-H", "Expect:", "--data-binary", "@-", url(edgeproxy), given=BODY)
            return "HTTP/2", done.output

        results = await asyncio.gather(by_httpx(), by_aiohttp(), by_curl())

    assert ["HTTP/2", "HTTP/1.1", "HTTP/2"] == [version for version, _ in results]
    assert [True] * 3 == [BODY == body for _, body in results]
    assert 10 == len(target.heads)


if BROWSER is not None:  # nobody who runs these tests has to have one

    @pytest.mark.slow
    async def test_a_browser_loads_a_page(tmp_path: Path) -> None:
        async with behind(answering(PAGE, headers=("Content-Type: text/html",)), tmp_path) as (edgeproxy, target):
            done = await run_program(
                BROWSER or "", "--headless", "--no-sandbox", "--disable-gpu",
                "--disable-dev-shm-usage", "--ignore-certificate-errors", f"--user-data-dir={tmp_path}/browser",
                "--virtual-time-budget=10000", "--dump-dom", url(edgeproxy, "/page"),
            )  # fmt: skip

        said = re.search(rb"said (.*) over (\S+) end", done.output, re.DOTALL)
        assert said is not None, (done.output, done.errors)
        assert b"h2" == said[2]
        assert any(head.startswith(b"POST /data HTTP/1.1\r\n") for head in target.heads)


# ---- what is written down


@contextlib.asynccontextmanager
async def logged(script: Script, folder: Path) -> AsyncIterator[tuple[RunningProxy, ScriptedTarget, list[Line]]]:
    """A proxy whose log lines are in the list, once it has stopped."""
    stream = io.StringIO()
    log = AccessLog(stream)
    lines: list[Line] = []
    async with ScriptedTarget(script) as target:
        text = over_tls(forwarding_to(target.port, rules=RULES), folder, "www.example.com")
        async with running(text, time_scale=1, certificates=locator(folder), access_log=log) as edgeproxy:
            yield edgeproxy, target, lines
    log.close()
    lines += [agree(text) for text in stream.getvalue().splitlines()]


@pytest.mark.conformance(
    "Access log", "HTTP/2: type h2, version HTTP/2.0, received_bytes as compressed", "load-balancer-access-logs"
)
async def test_a_request_of_curl_as_a_line(tmp_path: Path) -> None:
    async with logged(answering(b"hello"), tmp_path) as (edgeproxy, _, lines):
        resolve = f"www.example.com:{edgeproxy.port(443)}:127.0.0.1"
        address = f"https://www.example.com:{edgeproxy.port(443)}/q?bar=1"
        await curl("--resolve", resolve, "-A", "curl/8.7.1", address)
        await curl("--resolve", resolve, address.replace("/q", "/fixed"))
        await curl("--resolve", resolve, "-H", "X-Large: " + "x" * 16_384, address)

    forwarded, fixed, refused = lines
    assert ["h2", "GET https://www.example.com:443/q?bar=1 HTTP/2.0", "200", "200"] == [
        forwarded[name] for name in ("type", "request", "elb_status_code", "target_status_code")
    ]
    # What curl 7.88 and 8.7 send; the real load balancer logs 49 to 66 for requests of curl.
    assert 40 <= int(forwarded["received_bytes"]) <= 90
    assert ("TLSv1.3", "www.example.com") == (forwarded["ssl_protocol"], forwarded["domain_name"])
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", forwarded["trace_id"])
    assert ["h2", "404", "fixed-response"] == [fixed[name] for name in ("type", "elb_status_code", "actions_executed")]
    assert ["400", "-"] == [refused[name] for name in ("elb_status_code", "trace_id")]


async def test_a_stream_that_was_cancelled_as_a_line(tmp_path: Path) -> None:
    async with logged(silent, tmp_path) as (edgeproxy, target, lines):
        client = await connect_h2(edgeproxy.port(443))
        stream = await client.begin("GET", "/slow")
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]
        await until(lambda: target.open)
        await client.reset(stream)
        await until(lambda: counters.elb_status == {460: 1})
        client.abort()

    (line,) = lines
    assert ["h2", "460", "-", "0"] == [
        line[name] for name in ("type", "elb_status_code", "target_status_code", "sent_bytes")
    ]


# ---- cookies


async def test_stickiness_over_http2(tmp_path: Path) -> None:
    sticky = "TargetGroupAttributes: {stickiness.enabled: true, stickiness.lb_cookie.duration_seconds: 60}"
    async with ScriptedTarget(answering(b"1")) as one, ScriptedTarget(answering(b"2")) as two:
        text = forwarding_to(one.port, two.port, group=sticky)
        async with running_tls(text, tmp_path, time_scale=1) as edgeproxy:
            client = await connect_h2(edgeproxy.port(443))
            first = await client.ask()
            crumbs = [("cookie", value.partition(";")[0]) for value in first.values("set-cookie")]
            again = [await client.ask("GET", "/", *crumbs) for _ in range(6)]
            client.abort()

    assert ["AWSALB", "AWSALBCORS"] == [value.partition("=")[0] for _, value in crumbs]
    assert {first.body} == {answer.body for answer in again}
    names = first.names
    assert ["date", "content-length", "set-cookie", "set-cookie"] == names
