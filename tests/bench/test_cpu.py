import os

from tests.bench.cpu import cpu_seconds, parse_stat, process_tree


def test_parent_and_ticks_are_read_from_a_stat_line() -> None:
    line = "4242 (nginx) S 4241 4241 4241 0 -1 4194368 219 0 0 0 150 75 0 0 20 0 1 0 1042 10768384 512"

    assert parse_stat(line) == (4241, 225)


def test_a_command_may_contain_blanks_and_parentheses() -> None:
    line = "7 (a (b) c) S 3 7 7 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 5 6 7"

    assert parse_stat(line) == (3, 3)


def test_a_tree_begins_with_its_root() -> None:
    assert os.getpid() == process_tree(os.getpid())[0]


def test_processor_time_never_falls() -> None:
    before = cpu_seconds(os.getpid())

    assert before <= cpu_seconds(os.getpid())
