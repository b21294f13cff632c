"""Every policy is proven by handshakes, with Python's `ssl` and with `openssl s_client`."""

from __future__ import annotations

import asyncio
import re
import ssl
import warnings
from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.errors import ConfigError
from edgeproxy.model.security_policy import POLICIES, TLS13
from edgeproxy.runtime.security_policy import configure, python_ssl, security_policy, shortfalls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.model.security_policy import SecurityPolicy

PAGE = "describe-ssl-policies"
VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
PROTOCOL_FLAGS = {"TLSv1": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
WIDEST = POLICIES["ELBSecurityPolicy-TLS-1-0-2015-04"].ciphers

CA = trustme.CA()
LEAVES = [CA.issue_cert("p.test", key_type=key_type) for key_type in trustme.KeyType]


def context_for(policy: SecurityPolicy) -> ssl.SSLContext:
    """A server with the policy, and a certificate of each kind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    configure(context, policy)
    for leaf in LEAVES:
        leaf.configure_cert(context)
    return context


CONTEXTS = {name: context_for(policy) for name, policy in POLICIES.items()}


def handshake(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> ssl.SSLObject | None:
    """The client's side of a handshake in memory; None if there was none to be had."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    try:
        while waiting:
            waiting = [side for side in waiting if not has_finished(side)]
    except ssl.SSLError:
        return None
    return client


def has_finished(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def client_context(version: str, ciphers: str = "ALL") -> ssl.SSLContext:
    """A client that speaks one version only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def known(ciphers: tuple[str, ...]) -> list[str]:
    """Those that this OpenSSL has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    names = {suite["name"] for suite in context.get_ciphers()}
    return [cipher for cipher in ciphers if cipher in names]


def chosen_in_turn(context: ssl.SSLContext, offered: list[str]) -> Iterator[str]:
    """What the server chooses up to TLS 1.2 when whatever it chose is offered no more."""
    left = offered.copy()
    while left and (client := handshake(context, client_context("TLSv1.2", ":".join(left)))):
        chosen = (client.cipher() or ("",))[0]
        left.remove(chosen)
        yield chosen


@pytest.mark.conformance("Security policies", "the first suite in the policy's order that a client offers wins", PAGE)
@pytest.mark.parametrize("name", [name for name, policy in POLICIES.items() if "TLSv1.2" in policy.protocols])
def test_a_policy_takes_its_suites_in_its_order_and_no_others(name: str) -> None:
    """The client offers every suite of all policies, its favourite last."""
    chosen = list(chosen_in_turn(CONTEXTS[name], known(WIDEST)[::-1]))

    assert known(POLICIES[name].tls12_ciphers) == chosen


@pytest.mark.conformance("Security policies", "each policy takes its TLS versions and no others", PAGE)
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_takes_its_versions_and_no_others(name: str) -> None:
    accepted = [version for version in VERSIONS if handshake(CONTEXTS[name], client_context(version))]

    assert sorted(POLICIES[name].protocols) == accepted


@pytest.mark.conformance("Security policies", "what a TLS scanner sees of each policy", PAGE)
async def test_what_openssls_own_client_sees() -> None:
    """One server for each policy; `openssl s_client` asks each for every version, its favourite suite last."""
    servers = {
        name: await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        for name, context in CONTEXTS.items()
    }
    seen = {}
    for name, server in servers.items():
        port = server.sockets[0].getsockname()[1]
        seen[name] = await asyncio.gather(*[s_client(port, PROTOCOL_FLAGS[version]) for version in VERSIONS])
        server.close()

    assert {name: [expected(policy, version) for version in VERSIONS] for name, policy in POLICIES.items()} == seen


def expected(policy: SecurityPolicy, version: str) -> str:
    """Version and suite when everything is offered; before TLS 1.2 there are only the suites with a SHA-1 MAC."""
    if version not in policy.protocols:
        return "refused"
    if version == "TLSv1.3":
        return f"{version} {tls13_suites(CONTEXTS[policy.name])[0]}"
    is_old = version != "TLSv1.2"
    return f"{version} {next(each for each in policy.tls12_ciphers if not is_old or each.endswith('-SHA'))}"


def tls13_suites(context: ssl.SSLContext) -> list[str]:
    return [suite["name"] for suite in context.get_ciphers() if suite["name"] in TLS13]


@pytest.mark.conformance("Security policies", "the three suites of TLS 1.3 can be used", PAGE)
async def test_each_suite_of_tls_13_can_be_used() -> None:
    context = CONTEXTS["ELBSecurityPolicy-TLS13-1-3-2021-06"]
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        seen = [await s_client(port, "-tls1_3", "-ciphersuites", suite) for suite in TLS13]

    assert [f"TLSv1.3 {suite}" for suite in TLS13] == seen


async def s_client(port: int, *options: str) -> str:
    """What `openssl s_client` agrees on, as `TLSv1.2 ECDHE-...`, or `refused`."""
    ciphers = ":".join(known(WIDEST)[::-1]) + ":@SECLEVEL=0"
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-cipher", ciphers, *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    found = re.search(rb"^New, \S+, Cipher is (\S+)$", output, re.MULTILINE)
    version = re.search(rb"^(?:    Protocol  : |New, (TLSv1.3), )(\S*)", output, re.MULTILINE)
    if found is None or version is None or found[1] == b"(NONE)":
        return "refused"
    return f"{(version[1] or version[2]).decode()} {found[1].decode()}"


@pytest.mark.parametrize("name", POLICIES)
def test_the_servers_order_decides(name: str) -> None:
    assert ssl.OP_CIPHER_SERVER_PREFERENCE in CONTEXTS[name].options


@pytest.mark.conformance("Security policies", "a listener without SslPolicy gets ELBSecurityPolicy-2016-08", PAGE)
def test_no_name_means_the_default_of_the_api() -> None:
    assert "ELBSecurityPolicy-2016-08" == security_policy(None).name


@pytest.mark.conformance("Security policies", "an unknown policy is SSLPolicyNotFound", "API reference, CreateListener")
def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        security_policy("ELBSecurityPolicy-TLS13-1-2-2021-6")
    error = caught.value
    assert ("SslPolicy", "SSLPolicyNotFound") == (error.path, error.code)
    assert "ELBSecurityPolicy-TLS13-1-2-2021-06" == error.suggestion
    assert "SSL policy 'ELBSecurityPolicy-TLS13-1-2-2021-6' not found" == error.reason


def test_a_name_that_resembles_none_gets_no_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        security_policy("TLS!")
    assert caught.value.suggestion is None


def test_a_policy_of_which_openssl_has_nothing_is_refused() -> None:
    policy = POLICIES["ELBSecurityPolicy-2016-08"]._replace(ciphers=("UNHEARD-OF",))
    with pytest.raises(ConfigError, match=r"^SslPolicy: Python .* has no cipher suite of 'ELBSecurityPolicy-2016-08'"):
        configure(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), policy)


# --- what cannot be done ------------------------------------------------------------------------------------------


def said(name: str, context: ssl.SSLContext | None = None) -> str:
    policy = POLICIES[f"ELBSecurityPolicy-{name}"]
    return shortfalls(policy, python_ssl(context or CONTEXTS[policy.name]))


@pytest.mark.parametrize("name", ["2016-08", "FS-1-1-2019-08", "TLS-1-2-2017-01"])
def test_nothing_is_said_where_everything_is_as_it_should_be(name: str) -> None:
    assert "" == said(name)


def test_absent_suites_are_named() -> None:
    """No build of OpenSSL has this one, and few have 3DES."""
    policy = POLICIES["ELBSecurityPolicy-2016-08"]
    wider = policy._replace(ciphers=(*policy.ciphers, "UNHEARD-OF"))

    assert shortfalls(wider, python_ssl(CONTEXTS[policy.name])).endswith(": OpenSSL has no UNHEARD-OF.")


def test_refused_versions_are_named() -> None:
    """As on systems whose OpenSSL was built or patched to refuse them."""
    strict = CONTEXTS["ELBSecurityPolicy-TLS-1-2-Ext-2018-06"]
    platform = r"Python \S+ with OpenSSL \S+"
    sentence = rf"ELBSecurityPolicy-2016-08 is not exact here \({platform}\): OpenSSL refuses TLSv1\.1 and TLSv1\."

    assert re.fullmatch(sentence, said("2016-08", strict))


class LikePython311:
    """A context that cannot choose the suites of TLS 1.3, nor groups."""

    def get_ciphers(self) -> list[dict[str, str]]:
        return [{"name": name} for name in (TLS13[1], TLS13[2], TLS13[0], *WIDEST)]


def said_by_python_311(name: str) -> str:
    return said(name, LikePython311())  # type: ignore[arg-type]


def test_suites_and_order_of_tls_13_are_named_where_python_cannot_choose_them() -> None:
    order = (
        "TLS 1.3 prefers TLS_AES_256_GCM_SHA384 to TLS_AES_128_GCM_SHA256, because Python before 3.15 cannot set that "
        "order."
    )

    fips = said_by_python_311("TLS13-1-3-FIPS-2023-04")

    assert said_by_python_311("TLS13-1-3-2021-06").endswith(f": {order}")
    assert ": TLS_CHACHA20_POLY1305_SHA256 can be used, too, because" in fips
    assert fips.endswith(f"; {order}")
    assert "prefers" not in said_by_python_311("TLS13-1-3-RFC9151-FIPS-2023-07")


@pytest.mark.parametrize(
    ("version", "name", "sentence"),
    [
        ((3, 0, 19), "TLS13-1-3-PQ-2025-09", "keys are agreed on without ML-KEM, which OpenSSL has since 3.5."),
        (
            (3, 5, 0),
            "TLS13-1-3-PQ-2025-09",
            "X25519MLKEM768 is the only PQ group, because Python before 3.15 cannot set a list of groups.",
        ),
        (
            (3, 5, 0),
            "TLS13-1-2-RFC9151-INTEROP1-FIPS-2023-07",
            "the curves are OpenSSL's, because Python before 3.15 cannot set a list of groups.",
        ),
    ],
)
def test_missing_groups_are_named(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], name: str, sentence: str
) -> None:
    monkeypatch.setattr(ssl, "OPENSSL_VERSION_INFO", version)

    assert said_by_python_311(name).endswith(f"; {sentence}")
