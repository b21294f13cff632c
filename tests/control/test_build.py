"""Which build runs, and what the build hook does when nobody asks for a compiled one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import edgeproxy.exchange.exchange
from edgeproxy.control.build import is_compiled

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hatch_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hook(hatch_build: ModuleType) -> Any:
    return hatch_build.CompileHook(str(ROOT), {}, None, None, str(ROOT / "dist"), "wheel")


def test_what_is_said_of_the_build_is_so() -> None:
    assert is_compiled() == (not str(edgeproxy.exchange.exchange.__file__).endswith(".py"))
    assert is_compiled() == hasattr(edgeproxy.exchange.exchange.Exchange, "__mypyc_attrs__")


@pytest.mark.parametrize("value", [None, "", "0"])
def test_without_the_variable_a_wheel_is_python_alone(
    hook: Any, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("EDGEPROXY_COMPILE", raising=False)
    else:
        monkeypatch.setenv("EDGEPROXY_COMPILE", value)
    data: dict[str, Any] = {"pure_python": True, "force_include": {}}
    hook.initialize("standard", data)
    hook.finalize("standard", data, "")

    assert [] == hook.dependencies()
    assert {"pure_python": True, "force_include": {}} == data


def test_an_editable_install_stays_python_so_that_edits_count(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEPROXY_COMPILE", "1")
    data: dict[str, Any] = {"pure_python": True, "force_include": {}}
    hook.initialize("editable", data)

    assert hook.dependencies()
    assert {"pure_python": True, "force_include": {}} == data


def test_what_is_compiled_is_there_and_what_is_left_out_is_not(hatch_build: ModuleType) -> None:
    sources = hatch_build.sources(ROOT)

    for pattern in hatch_build.COMPILED:
        assert any(Path(each).match(pattern) for each in sources), pattern
    for name in hatch_build.LEFT_OUT:
        assert list(ROOT.glob(f"edgeproxy/*/{name}")), name
        assert not any(each.endswith(f"/{name}") for each in sources)
