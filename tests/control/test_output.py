from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.output import LogFormat, configure_logging, event

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def configure() -> Callable[[LogFormat], tuple[logging.Logger, io.StringIO]]:
    def make(log_format: LogFormat) -> tuple[logging.Logger, io.StringIO]:
        stream = io.StringIO()
        return configure_logging(log_format, stream), stream

    return make


def test_json_lines_carry_event_and_facts(configure: Any) -> None:
    logger, stream = configure("json")
    logger.info("A %s sentence.", "full", extra=event("something", port=443))

    line = json.loads(stream.getvalue())

    assert "something" == line["event"]
    assert "A full sentence." == line["message"]
    assert "info" == line["level"]
    assert 443 == line["port"]
    assert line["time"].endswith("Z")


def test_the_runtimes_own_loggers_come_out_in_the_same_form(configure: Any) -> None:
    _, stream = configure("json")
    logging.getLogger("edgeproxy.runtime.anything").warning("No event here.")

    line = json.loads(stream.getvalue())

    assert ("warning", "edgeproxy.runtime.anything") == (line["level"], line["logger"])
    assert "event" not in line


def test_text_names_the_level_only_where_it_is_worth_a_look(configure: Any) -> None:
    logger, stream = configure("text")
    logger.info("All is well.")
    logger.error("This is not.")

    first, second = stream.getvalue().splitlines()

    assert first.endswith(" All is well.")
    assert "info" not in first
    assert second.endswith(" error: This is not.")


def test_start_up_lines_have_no_time(configure: Any) -> None:
    logger, stream = configure("text")
    logger.info("edgeproxy runs", extra=event("started") | {"banner": True})

    assert "edgeproxy runs\n" == stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_exception_is_shown_with_its_traceback(configure: Any, log_format: LogFormat) -> None:
    logger, stream = configure(log_format)
    try:
        int("broken")
    except ValueError:
        logger.exception("It failed.")

    assert "It failed." in stream.getvalue()
    assert "ValueError: " in stream.getvalue()
