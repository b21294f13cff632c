import os

from tests.bench.memory import parse_kib, peak_rss, pss, rss


def test_kilobytes_become_bytes() -> None:
    assert parse_kib("Name:\tnginx\nVmHWM:\t    6144 kB\nVmRSS:\t    5120 kB\n", "VmRSS") == 5120 * 1024


def test_a_field_name_must_match_whole() -> None:
    assert parse_kib("Pss_Anon:   10 kB\nPss:   30 kB\n", "Pss") == 30 * 1024


def test_a_missing_field_is_zero() -> None:
    assert parse_kib("", "Pss") == 0


def test_the_peak_is_never_below_a_size_seen_before() -> None:
    before = rss(os.getpid())

    assert 0 < before <= peak_rss(os.getpid())


def test_shared_pages_count_in_part() -> None:
    assert pss(os.getpid()) > 0
