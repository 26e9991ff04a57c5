"""Event streams held open by the real programs: soon, without a gap, for whoever may listen, and without Redis."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import uuid

import pytest
import requests

from tests.support.processes import wait_for
from tools import probes, programs

pytestmark = pytest.mark.timeout(300)  # whoever comes first waits for all the programs besides
ASKED = {"Accept": "text/event-stream"}


class Studio:
    """The demo's first business over HTTP."""

    def __init__(self, omega):
        self.omega = omega
        first, other = omega.seed()["businesses"][:2]
        self.id, self.key, self.other_key = first["id"], first["api_key"], other["api_key"]
        self.path = f"/omega/businesses/{self.id}/events"
        self.sender = first["sms_sender"]

    def post(self, path, body, **headers):
        headers = headers or {"X-API-KEY": self.key}
        answer = requests.post(self.omega.base_url + path, json=body, headers=headers, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def happens(self):
        """Something that is told: a text from elsewhere, recorded; its words."""
        words = f"words {uuid.uuid4()}"
        row = {"channel": "sms", "action": "record", "direction": "outbound", "status": "sent"}
        row |= {"business_id": self.id, "to": "+14155557732", "from": self.sender, "body": words}
        self.post("/messages", row)
        return words

    def token(self):
        return self.post("/auth/token", {"business_id": self.id})["access_token"]


@pytest.fixture(scope="module")
def studio(omega):
    return Studio(omega)


class Stream:
    """One connection to a live process, as bytes."""

    def __init__(self, port, path, **headers):
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.line.request("GET", path, headers=ASKED | headers)
        self.answer = self.line.getresponse()
        self.status, self.told = self.answer.status, b""

    def hears(self, words):
        while words.encode() not in self.told:
            piece = self.answer.read1(65536)
            assert piece, self.told
            self.told += piece
        return True

    def ends(self):
        while piece := self.answer.read1(65536):
            self.told += piece
        return True

    @property
    def place(self):
        """The id of the last event."""
        return self.told.decode().rsplit("id: ", 1)[1].split("\n", 1)[0]

    def close(self):
        self.line.close()


@pytest.fixture
def listen(studio):
    """Opens streams of the business, by default with its key, at the live process."""
    opened = []

    def opens(path=studio.path, port=studio.omega.live_port, **headers):
        headers = {name.replace("_", "-"): value for name, value in (headers or {"X_API_KEY": studio.key}).items()}
        opened.append(Stream(port, path, **headers))
        return opened[-1]

    yield opens
    for one in opened:
        one.close()


def test_the_web_sends_a_listener_to_the_process_that_holds_him(studio):
    with requests.get(studio.omega.base_url.removesuffix("/omega") + studio.path, stream=True, timeout=20,
                      headers=ASKED | {"Authorization": f"Bearer {studio.token()}"}) as answer:  # fmt: skip
        assert [one.status_code for one in answer.history] == [307]
        assert answer.status_code == 200
        words = studio.happens()
        assert any(words in line for line in answer.iter_lines(decode_unicode=True))


def test_without_the_header_it_ends_after_what_there_is(studio):
    for port in (studio.omega.port, studio.omega.live_port):
        answer = requests.get(f"http://127.0.0.1:{port}{studio.path}", headers={"X-API-KEY": studio.key}, timeout=20)
        assert answer.status_code == 200
        assert not answer.history
        assert answer.text.startswith("retry: 1000\n\nid: ")


def test_who_was_cut_goes_on_without_a_gap_and_many_hear_at_once(studio, listen):
    first = listen()
    assert first.hears(studio.happens())
    place = first.place
    first.close()
    missed = [studio.happens() for _ in range(3)]
    many = [listen(X_API_KEY=studio.key, Last_Event_ID=place) for _ in range(20)]
    last = studio.happens()
    for one in many:
        assert one.hears(last)
        told = one.told.decode()
        assert [told.count(words) for words in missed] == [1, 1, 1]
        assert sorted(missed, key=told.index) == missed


def test_a_stream_is_for_who_may_listen(studio, listen):
    assert listen(X_API_KEY=studio.other_key).status == 403
    assert listen(X_API_KEY="wrong").status == listen(Accept=ASKED["Accept"]).status == 401
    assert listen(f"{studio.path}?ticket=forged", Accept=ASKED["Accept"]).status == 401
    assert listen(X_API_KEY=studio.key, Last_Event_ID="nonsense").status == 422
    assert listen("/omega/businesses/x/events").status == 422


def test_a_stream_ends_with_its_token_and_one_token_has_a_few(studio, listen):
    token = studio.token()
    streams = [listen(Authorization=f"Bearer {token}") for _ in range(21)]
    assert [one.status for one in streams] == [200] * 20 + [429]
    assert json.loads(streams[-1].answer.read())["code"] == "throttled"
    studio.post("/session/expire", {}, Authorization=f"Bearer {token}")
    assert all(one.ends() for one in streams[:20])
    assert listen(Authorization=f"Bearer {token}").status == 401


def test_who_reads_nothing_holds_nobody_up_and_gets_all_of_it_later(studio, listen):
    idle = listen()
    idle.answer.fp.raw._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    words = [studio.happens() for _ in range(3)]
    assert listen(X_API_KEY=studio.key).hears(studio.happens())
    assert all(idle.hears(one) for one in words)


@contextlib.contextmanager
def second_live(omega, **settings):
    """One more live process on the same database; its port."""
    port = probes.free_port()
    with (omega.logs / "live-2.log").open("wb") as log:
        process = subprocess.Popen(programs.live(port).words, cwd=programs.ROOT, env=omega.environment | settings,
                                   stdout=log, stderr=log, start_new_session=True)  # fmt: skip
    try:
        assert wait_for(lambda: probes.answers(port, "/health"), 60)
        yield port
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_streams_need_no_redis(studio, listen):
    with second_live(studio.omega, REDIS_URL="redis://127.0.0.1:1/0") as port:
        stream = listen(port=port)
        assert stream.hears(studio.happens())
        assert stream.hears(studio.happens())
