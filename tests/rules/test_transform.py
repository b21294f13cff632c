"""Rewrites of hosts and URLs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.errors import ConfigError
from edgeproxy.model.transform import HostHeaderRewriteConfig, RewriteConfig, RuleTransform, UrlRewriteConfig
from edgeproxy.rules.transform import MAX_RESULT, TransformStatus, compile_transforms, missing_groups


def url_rewrite(regex: str, replace: str) -> RuleTransform:
    config = UrlRewriteConfig(rewrites=(RewriteConfig(regex=regex, replace=replace),))
    return RuleTransform(type="url-rewrite", url_rewrite_config=config)


def host_rewrite(regex: str, replace: str) -> RuleTransform:
    config = HostHeaderRewriteConfig(rewrites=(RewriteConfig(regex=regex, replace=replace),))
    return RuleTransform(type="host-header-rewrite", host_header_rewrite_config=config)


def rewrite_url(regex: str, replace: str, url: str) -> tuple[str | None, str]:
    found = compile_transforms([url_rewrite(regex, replace)])("a.test", url)
    assert found.host is None
    return found.target, found.status.value


def rewrite_host(regex: str, replace: str, host: str) -> tuple[str | None, str]:
    found = compile_transforms([host_rewrite(regex, replace)])(host, "/")
    assert found.target is None
    return found.host, found.status.value


DOCS = pytest.mark.conformance("transforms", "a URL is rewritten by expression and captures", "rule-transforms")
PART = pytest.mark.conformance("transforms", "what stands around the match stays", "rule-transforms")
FIRST = pytest.mark.conformance("transforms", "only the first match is replaced", "rule-transforms", status="default")
QUERY = pytest.mark.conformance("transforms", "the query is part of the text", "rule-transforms", status="default")
DECODED = pytest.mark.conformance("transforms", "the path is percent-decoded", "rule-transforms", status="default")
DONE = "TransformSuccess"
SOMETHING = r"^\/something(\/|$)(.*)$"


@pytest.mark.parametrize(
    ("regex", "replace", "url", "expected"),
    [
        pytest.param(
            "^/dp/([A-Za-z0-9]+)/?$",
            "/product.php?id=$1",
            "/dp/B09G3HRMW",
            ("/product.php?id=B09G3HRMW", DONE),
            marks=DOCS,
        ),
        pytest.param("^/dp/([A-Za-z0-9]+)/?$", "/x", "/dp/B09G3HRMW?ref=x", (None, "-"), marks=QUERY),
        pytest.param("^/api/(.+)$", "/$1", "/api/users?id=1", ("/users?id=1", DONE), marks=QUERY),
        pytest.param("^/api/(.+)$", "/$1", "/api/", (None, "-"), marks=DOCS),
        pytest.param("^([^?]*)", "/my/cool/path", "/foo/bar?x=1", ("/my/cool/path?x=1", DONE), marks=PART),
        pytest.param("(^/api(/)?)", "/v2$2", "/api", ("/v2", DONE), marks=PART),
        pytest.param("(^/api(/)?)", "/v2$2", "/api/v1/users", ("/v2/v1/users", DONE), marks=PART),
        pytest.param("old", "new", "/old/old", ("/new/old", DONE), marks=FIRST),
        pytest.param(
            "^/my-service(/.*)$",
            "$1",
            "/my-service/api/items/2024-01-15T10:30:00/123",
            ("/api/items/2024-01-15T10:30:00/123", DONE),
            marks=DECODED,
        ),
        pytest.param("^/x/(.*)$", "$1", "/x/y", (None, "TransformInvalidPath"), marks=DOCS),
        pytest.param(SOMETHING, "/$2", "/something", ("/", DONE), marks=DOCS),
        pytest.param(SOMETHING, "/$2", "/something/foo", ("/foo", DONE), marks=DOCS),
        pytest.param(SOMETHING, "/$2", "/somethingelse", (None, "-"), marks=DOCS),
        pytest.param(SOMETHING, "/$2", "/something?x=1", (None, "-"), marks=QUERY),
    ],
)
def test_url_rewrite(regex: str, replace: str, url: str, expected: tuple[str | None, str]) -> None:
    assert expected == rewrite_url(regex, replace, url)


HOST = pytest.mark.conformance("transforms", "the host is rewritten by expression and captures", "rule-transforms")


@HOST
@pytest.mark.parametrize(
    ("regex", "replace", "host", "expected"),
    [
        (
            "^mywebsite-(.+).com$",
            "internal.dev.$1.myweb.com",
            "mywebsite-example.com",
            ("internal.dev.example.myweb.com", DONE),
        ),
        (".*", "foo.com", "a.example.com", ("foo.com", DONE)),
        ("^(.*)$", "bad host", "a.test", (None, "TransformInvalidHost")),
        ("^A", "b", "a.test", ("b.test", DONE)),
        ("^a", "b", "c.test", (None, "-")),
        (":8080$", "", "a.test:8080", ("a.test", DONE)),
        ("^.*$", "[::1]:80", "a.test", ("[::1]:80", DONE)),
        ("^.*$", "", "a.test", (None, "TransformInvalidHost")),
        ("^.*$", "a/b", "a.test", (None, "TransformInvalidHost")),
    ],
)
def test_host_rewrite(regex: str, replace: str, host: str, expected: tuple[str | None, str]) -> None:
    assert expected == rewrite_host(regex, replace, host)


def test_without_a_host_there_is_nothing_to_rewrite() -> None:
    assert (None, "-") == rewrite_host(".*", "a.test", "")


def test_both_are_rewritten_by_one_rule() -> None:
    transform = compile_transforms([url_rewrite("^/a", "/b"), host_rewrite("^a", "b")])

    assert ("b.test", "/b/x", TransformStatus.SUCCESS) == transform("a.test", "/a/x")
    assert ("b.test", None, TransformStatus.SUCCESS) == transform("a.test", "/c")
    assert (None, "/b/x", TransformStatus.SUCCESS) == transform("c.test", "/a/x")
    assert (None, None, TransformStatus.NONE) == transform("c.test", "/c")


def test_one_failure_spoils_both() -> None:
    transform = compile_transforms([url_rewrite("^/a", "/b"), host_rewrite("^a", "a b")])
    assert (None, None, TransformStatus.INVALID_HOST) == transform("a.test", "/a")


def test_a_match_that_changes_nothing_touches_nothing() -> None:
    """The client's own spelling, such as `%20` for a space, is what the target gets."""
    assert (None, DONE) == rewrite_url("^/a b$", "/a b", "/a b")
    assert (None, DONE) == rewrite_host("^a", "a", "a.test")


REPLACEMENT = pytest.mark.conformance(
    "transforms", "$N is a group, other signs are themselves", "rule-transforms", status="default"
)


@REPLACEMENT
@pytest.mark.parametrize(
    ("replace", "expected"),
    [
        ("/$1-$2", "/a-b"),
        ("/$2$1", "/ba"),
        ("/$0", "//a/b"),
        ("/$1x", "/ax"),
        ("/$1_", "/a_"),
        ("/${1}", "/${1}"),
        ("/$$1", "/$a"),
        (r"/\1", r"/\1"),
        ("/$", "/$"),
        ("/$name", "/$name"),
    ],
)
def test_the_replacements_grammar(replace: str, expected: str) -> None:
    assert (expected, DONE) == rewrite_url("^/(.)/(.)$", replace, "/a/b")


@pytest.mark.conformance("transforms", "a group that took no part is nothing", "rule-transforms", status="default")
def test_a_group_that_took_no_part_is_nothing() -> None:
    assert ("/-b", DONE) == rewrite_url("^/(a)?(b)$", "/$1-$2", "/b")


@pytest.mark.conformance(
    "transforms", "a replacement that names no group of the expression fails", "rule-transforms", status="default"
)
def test_a_group_that_does_not_exist_fails_every_match() -> None:
    assert (None, "TransformReplaceError") == rewrite_url("^/(a)", "/$2", "/a")
    assert (None, "-") == rewrite_url("^/(a)", "/$2", "/b")
    assert [2, 12] == missing_groups(RewriteConfig(regex="(a)", replace="$1$12$2"))


ENCODING = pytest.mark.conformance(
    "transforms", "spaces, control and non-ASCII bytes, % and # are encoded again", "rule-transforms", status="default"
)


@ENCODING
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/x/a b", "/y/a%20b"),
        ("/x/\r\n", "/y/%0D%0A"),
        ("/x/\xc3\xa9", "/y/%C3%A9"),
        ("/x/100%", "/y/100%25"),
        ("/x/a#b", "/y/a%23b"),
        ("/x/a:b", "/y/a:b"),
        ("/x/a?q=a%20b", "/y/a?q=a%20b"),
        ("/x/a?q=\x7f", "/y/a?q=%7F"),
    ],
)
def test_a_rewritten_url_is_encoded(url: str, expected: str) -> None:
    assert (expected, DONE) == rewrite_url("^/x", "/y", url)


def test_a_result_may_not_outgrow_a_request_line() -> None:
    assert (None, "TransformBufferTooSmall") == rewrite_url("^/(.*)$", "/$1$1", f"/{'a' * (MAX_RESULT // 2)}")
    assert (None, "TransformBufferTooSmall") == rewrite_url("^/", "/b", f"/{' ' * (MAX_RESULT // 2)}")


def test_what_cannot_be_compiled_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    transform = url_rewrite("a", "b")
    monkeypatch.setattr("edgeproxy.rules.transform.compile_regex", _refusing)
    with pytest.raises(ConfigError) as refusal:
        compile_transforms([transform])
    assert "Transforms[0]" == refusal.value.path


def _refusing(text: str, *, ignore_case: bool = False) -> None:
    raise ValueError("no")


_TEXT = st.text(st.characters(max_codepoint=255), max_size=30)
_REGEXES = st.sampled_from(["", "a", "^/(.*)$", "(a)|(b)", ".*", "[^?]*", r"(\W)", "$", r"\?(.*)"]).filter(bool)


@given(_REGEXES, st.text(st.sampled_from("$12/ab %#?\xe9\\{}"), max_size=12), _TEXT, _TEXT)
def test_a_transform_never_raises_and_never_makes_a_broken_line(regex: str, replace: str, host: str, path: str) -> None:
    transform = compile_transforms([url_rewrite(regex, replace), host_rewrite(regex, replace)])
    found = transform(host, f"/{path}")

    assert not (found.status.is_failure and (found.host or found.target))
    assert found.target is None or re.fullmatch(r"/[!-~]*", found.target)
    assert found.host is None or re.fullmatch(r"[!-~]+", found.host)
