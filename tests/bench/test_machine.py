import datetime as dt
import os

from tests.bench.machine import choose_cores, cpu_model, describe, pinned_to


def test_the_model_name_stands_in_cpuinfo() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Example 9000 @ 3 GHz\nflags\t: a b\n") == "Example 9000 @ 3 GHz"


def test_without_a_model_name_the_architecture_is_told() -> None:
    assert os.uname().machine == cpu_model("processor\t: 0\nBogoMIPS\t: 50.00\n")


def test_both_cores_are_ours_to_use() -> None:
    cores = choose_cores()

    assert {cores.proxy, cores.load} <= os.sched_getaffinity(0)


def test_pinning_ends_with_its_block() -> None:
    before = os.sched_getaffinity(0)

    with pinned_to(min(before)):
        assert {min(before)} == os.sched_getaffinity(0)

    assert before == os.sched_getaffinity(0)


def test_a_description_tells_date_and_machine() -> None:
    facts = describe(dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC))

    assert facts["Date"] == "2026-03-01 12:30 UTC"
    assert {"CPU", "Cores", "Kernel", "Python"} < facts.keys()
