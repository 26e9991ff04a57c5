"""The gun and the table: an answer is timed whole, a refusal is never counted as success."""

import asyncio
import json

import pytest

from bench.firing import Battery, fire, length_of
from bench.report import Figure, Report, line_of, of_rounds
from bench.shots import Shot, keep, kept

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("received", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-", -1),
        (OK, len(OK)),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX: y\r\n\r\n", 44 + 5),
        (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 33),
    ],
)
def test_length_of_an_answer(received, length):
    assert length_of(received) == length


def test_an_answer_of_unknown_length_is_no_measurement():
    with pytest.raises(SystemExit, match="without Content-Length"):
        length_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_shot_as_bytes(tmp_path):
    shot = Shot("POST", "/a", (("X-A", "b"),), b"{}")
    keep(tmp_path / "shots", [shot])
    assert kept(tmp_path / "shots") == [shot]
    assert shot.wire("h:1") == b"POST /a HTTP/1.1\r\nHost: h:1\r\nContent-Length: 2\r\nX-A: b\r\n\r\n{}"


def fired(answers, count, *, warmup=0, seconds=5.0, connections=3):
    """The outcome of so many shots at a server that answers in turn with `answers`, in two pieces each."""

    async def serve(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            answer = answers[serve.place % len(answers)]
            serve.place += 1
            writer.write(answer[:20])
            await writer.drain()
            await asyncio.sleep(0.001)
            writer.write(answer[20:])

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        battery = Battery(iter([Shot("GET", "/").wire("h")] * count), warmup, seconds)
        async with server:
            await fire(battery, server.sockets[0].getsockname()[1], connections)
        return battery.outcome()

    serve.place = 0
    return asyncio.run(run())


def test_every_shot_is_fired_once_and_timed():
    outcome = fired([OK], 30, warmup=10)
    assert (outcome["requests"], outcome["refused"]) == (20, 0)
    assert 0.5 < outcome["p50_ms"] <= outcome["p99_ms"] < 1000
    assert outcome["rate"] > 0


def test_refusals_are_counted_and_shown():
    outcome = fired([OK, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"], 20)
    assert outcome["refused"] == 10
    assert "503" in outcome["first_refusals"][0]
    assert "busy" in outcome["first_refusals"][0]


def test_time_ends_a_volley():
    assert fired([OK], 100_000, seconds=0.2)["seconds"] < 2.0


def outcome_of(rate, refused=0):
    times = {"p50_ms": 1.0, "p99_ms": 2.0, "program_ms": 0.5, "database_ms": 0.1}
    return {"rate": rate, **times, "refused": refused, "first_refusals": ["503"] * bool(refused)}


def test_a_figure_is_the_median_of_its_rounds():
    figure = of_rounds("queue", [outcome_of(100), outcome_of(900), outcome_of(300, refused=2)])
    assert (figure.rate, figure.rounds) == (300, [100, 900, 300])
    assert figure.note == "2 refused: 503"


def test_report_says_what_was_missed(tmp_path, capsys):
    report = Report()
    report.add(Figure("fast", 1500.0, share=0.8, bound="SQL").aim("0.75", met=True))
    report.add(Figure("slow", 15.0, p99_ms=90.0).aim("p99 < 40 ms", met=False))
    assert [figure.name for figure in report.missed()] == ["slow"]
    printed = capsys.readouterr().out
    assert "0.80 of SQL; met: 0.75" in printed
    assert "MISSED: p99 < 40 ms" in printed
    written = json.loads(report.write(tmp_path / "results").read_text())
    assert [figure["name"] for figure in written["figures"]] == ["fast", "slow"]
    assert written["cores"] >= 1


def test_small_figures_keep_their_decimals():
    assert "1.25x" in line_of(Figure("growth", 1.25, "x"))


def test_a_rate_is_kept_and_what_waits_for_its_turn_is_slow():
    quick = fired_at(50.0, 0.0)
    assert 45 < quick["rate"] < 60
    late = fired_at(200.0, 0.02)
    assert late["p99_ms"] > 100


def fired_at(rate, seconds):
    """The outcome of thirty shots at so many a second, at a server that takes so long for each; one connection."""

    async def serve(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(seconds)
            writer.write(OK)

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        battery = Battery(iter([Shot("GET", "/").wire("h")] * 30), 0, 5.0, rate)
        async with server:
            await fire(battery, server.sockets[0].getsockname()[1], 1)
        return battery.outcome()

    return asyncio.run(run())
