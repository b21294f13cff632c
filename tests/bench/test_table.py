from tests.bench.results import Fixture, Footprint, Load, ProxyResult, Run, Transfer, Tunnels
from tests.bench.table import markdown, number, ratio, report


def load(cpu_us: float) -> Load:
    return Load(cpu_us=cpu_us, per_second=12345.6, p50_us=640, p99_us=1980, failures=0)


def run(*proxies: ProxyResult) -> Run:
    return Run(machine={"CPU": "a fast one"}, options={"Seconds": "5"}, proxies=list(proxies))


def test_first_column_is_left_aligned_and_the_others_right() -> None:
    expected = "| proxy | us |\n| ----- | -: |\n| a     |  1 |\n| bb    | 22 |"

    assert expected == markdown(["proxy", "us"], [["a", "1"], ["bb", "22"]])


def test_a_ratio_is_a_multiple_of_the_reference() -> None:
    assert ratio(30, 20) == "1.50 x"


def test_a_ratio_without_a_reference_is_a_dash() -> None:
    assert [ratio(30, None), ratio(None, 20), ratio(30, 0)] == ["-", "-", "-"]


def test_a_missing_figure_is_a_dash() -> None:
    assert number(None) == "-"


def test_thousands_are_separated() -> None:
    assert number(1234567.89, 0) == "1,234,568"


def test_ratios_refer_to_nginx_wherever_it_stands() -> None:
    ours = ProxyResult(name="edgeproxy", version="1", loads={"https same": load(27)})
    nginx = ProxyResult(name="nginx", version="1", loads={"https same": load(18)})

    lines = report(run(ours, nginx), []).splitlines()

    assert "| edgeproxy |           27.0 |   1.50 x |     12,346 |   0.64 |   1.98 |        0 |" in lines
    assert "| nginx     |           18.0 |   1.00 x |     12,346 |   0.64 |   1.98 |        0 |" in lines


def test_without_nginx_there_are_figures_and_no_ratios() -> None:
    ours = ProxyResult(name="edgeproxy", version="1", loads={"http same": load(27)})

    assert "| edgeproxy |           27.0 |        - |" in report(run(ours), [])


def test_a_proxy_that_failed_in_one_part_keeps_its_other_rows() -> None:
    broken = ProxyResult(name="caddy", version="2", loads={"http same": load(80)}, errors=["bodies: ended:\nwhy"])

    text = report(run(broken), [])

    assert "| caddy |           80.0 |" in text
    assert "- caddy: bodies: ended:\n    why" in text


def test_parts_that_were_not_measured_have_no_table() -> None:
    text = report(run(ProxyResult(name="nginx", version="1")), [])

    assert [x for x in text.splitlines() if x.startswith("#")] == ["# Proxies side by side", "## Memory and start"]


def test_the_document_begins_with_the_machine() -> None:
    assert report(run(), []).startswith("# Proxies side by side\n\n- CPU: a fast one\n- Seconds: 5\n")


def test_bodies_show_rate_and_processor_time() -> None:
    fast = Transfer(megabytes_per_second=1500, cpu_ms_per_100mb=60)
    slow = Transfer(megabytes_per_second=750, cpu_ms_per_100mb=120)
    nginx = ProxyResult(name="nginx", version="1", transfers={"http upload": slow})
    ours = ProxyResult(name="edgeproxy", version="1", transfers={"http upload": fast})

    assert "| HTTP upload, edgeproxy | 1,500 |   2.00 x |            60 |   0.50 x |" in report(run(nginx, ours), [])


def test_memory_is_shown_in_binary_units() -> None:
    foot = Footprint(idle=50 * 1024 * 1024, per_tls_connection=32 * 1024, tls_connections=1000)
    ours = ProxyResult(name="edgeproxy", version="1.2.3", footprint=foot, body_growth=8 * 1024 * 1024, startup_ms=250)

    row = next(line for line in report(run(ours), []).splitlines() if "edgeproxy 1.2.3" in line)

    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["50.0", "32.0", "8.0", "250"]


def test_rules_are_compared_with_one_rule() -> None:
    measured = run()
    measured.rules = {1: 20.0, 1000: 22.0}

    assert "| 1,000 |           22.0 |      1.10 x |" in report(measured, [])


def test_idle_websockets_show_what_each_of_them_costs() -> None:
    measured = run()
    measured.tunnels = {"ws": Tunnels(count=10_000, each=8192, cpu_share=0.021)}

    assert "| ws              | 10,000 |      8.0 |         2.1 |" in report(measured, [])


def test_the_fixture_is_shown_in_milliseconds() -> None:
    measured = run()
    measured.fixture = Fixture(start_ms=21.04, reset_ms=1.234)

    assert "| start to first proxied answer | 21.0 |" in report(measured, [])
    assert "| reset                         | 1.23 |" in report(measured, [])
