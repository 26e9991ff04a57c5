"""Programs that die and a Redis that forgets: nothing accepted is lost, and nothing is sent twice."""

import collections
import socket
import statistics
import time

import pytest

from tests.journeys.scene import phone
from tests.support.processes import Omega


def assert_each_once(scene, all_sent, seconds):
    ends = scene.ends_of(all_sent, seconds)
    assert set(ends.values()) == {"delivered"}, collections.Counter(ends.values())
    assert_ledger_once(scene, all_sent)


def assert_ledger_once(scene, all_sent):
    count = collections.Counter(one["body"] for one in scene.ledger())
    assert set(count.values()) == {1}, [body for body, n in count.items() if n > 1]
    assert len(count) == len(all_sent)


def test_workers_killed_in_the_middle_of_200_sends_lose_and_double_nothing(scene):
    scene.faults(twilio={"latency_ms": 150})
    sent = [scene.send(phone(), f"crash {n}") for n in range(100)]
    scene.until(lambda: len(scene.ledger()) > 5, 10, every=0.02)
    scene.omega.kill("worker-1")
    # Accepted at once and answered late: the worker dies between the carrier's yes and our own commit.
    # What became of it is told when its lease has run out, so that nothing but asking tells it before.
    scene.faults(twilio={"mode": "slow", "slow_ms": 2000}, callbacks={"delay_ms": 15_000})
    seen = len(scene.ledger())
    sent += [scene.send(phone(), f"crash {n}") for n in range(100, 200)]
    scene.until(lambda: len(scene.ledger()) > seen + 20, 10, every=0.02)
    scene.omega.kill("worker-2")
    scene.heal()
    began = time.monotonic()
    scene.omega.start("worker-1", "worker-2")
    assert_each_once(scene, sent, 58 - (time.monotonic() - began))
    lost = [one for one in sent if "unknown" in [line["status"] for line in scene.message(one)["history"]]]
    assert lost, "no worker died in the middle of a send: this test has lost its point"


def test_redis_emptied_after_queueing_loses_nothing(scene):
    sent = []
    for n in range(40):
        sent.append(scene.send(phone(), f"flush {n}"))
        if n % 10 == 9:
            scene.flush_redis()
    assert_each_once(scene, sent, 30)


@pytest.fixture(params=["refuses", "is silent"])
def without_redis(scene, request):
    """A second web server, whose Redis refuses the connection or takes it and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = 1 if request.param == "refuses" else listener.getsockname()[1]
        with Omega(scene.omega.place, REDIS_URL=f"redis://127.0.0.1:{port}/0") as omega:
            omega.start("web")
            yield omega


def test_without_redis_a_text_is_accepted_quickly_and_sent_all_the_same(scene, without_redis):
    sent, took = [], {url: [] for url in (scene.omega.base_url, without_redis.base_url)}
    for n in range(20):
        for url, times in took.items():
            began = time.monotonic()
            sent.append(scene.send(phone(), f"redis {len(sent)} {n}", base_url=url))
            times.append(time.monotonic() - began)
    well, ill = took.values()
    # Beside a server that has its Redis: a busy machine makes both slow.
    assert statistics.median(ill) < statistics.median(well) + 0.2, took
    assert max(ill) < max(well) + 2, took
    assert_each_once(scene, sent, 30)


def test_a_web_server_killed_in_the_middle_answers_the_same_request_with_one_message(scene):
    numbers = [phone() for _ in range(20)]
    for n, number in enumerate(numbers):
        scene.post(
            "/sms/queue", {"business_id": scene.business_id, "to": number, "body": f"web {n}", "request_id": f"web-{n}"}
        )
        if n == 10:
            scene.omega.end("web", 0)
            scene.omega.start("web")
    again = [scene.send(number, f"web {n}", request_id=f"web-{n}") for n, number in enumerate(numbers)]
    # A report that came while nobody listened is lost: `sent` is all that omega can know.
    assert scene.until(lambda: {scene.status(one) for one in again} <= {"sent", "delivered"}, 30)
    assert_ledger_once(scene, again)
