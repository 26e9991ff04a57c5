"""Programs that die, stop or are told to go between two given lines: each text in the carrier's ledger once.

The rows of docs/faults.md that only real processes can show. The carrier's word counts: its ledger beside omega's rows.
"""

import contextlib
import http.client
import signal
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import psycopg
import pytest
import redis
import requests

from sandbox.signing import TwilioSigner
from tests.journeys.scene import Scene, phone
from tests.settings import HOME
from tests.support.processes import Omega, lasting_place, wait_for
from tools import probes

SETTINGS = {"API_RATE_LIMIT": "off", "RECONCILE_SECONDS": "2", "EMAIL_UNKNOWN_GRACE": "4"}
# Where a worker dies over a text; those without a word in them are hit by whatever text comes by first.
SENDING = [
    "claim.before_commit", "claim.after_commit", "deliver.before_call", "deliver.after_call", "settle.before_commit",
    "settle.after_commit",
]  # fmt: skip
HEARING = ["webhook.before_store", "webhook.before_commit", "webhook.after_commit"]


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    return tmp_path_factory.mktemp("points")


@pytest.fixture(scope="module")
def scene(points):
    with lasting_place(HOME) as place, Omega(place, FAILPOINTS=f"@{points}", **SETTINGS) as omega:
        scene = Scene(omega)
        omega.start_all()
        yield scene


@pytest.fixture(autouse=True)
def _well(scene, points):
    yield
    for file in points.iterdir():
        file.unlink()
    scene.heal()
    start_workers(scene)
    assert wait_for(lambda: web_answers(scene), 60)


def arm(points, name, order="kill"):
    """Let the next process that comes by do this; the file that says so is taken away by then."""
    (points / f"{name}.new").write_text(order)
    (points / f"{name}.new").rename(points / name)
    return points / name


def web_answers(scene):
    """Whether the web answers; started anew where it has ended, some time after its worker was killed."""
    scene.omega.children["web"].tend()
    return probes.answers(scene.omega.port, "/omega/health")


def start_workers(scene):
    """Start the workers that died."""
    for name in ("worker-1", "worker-2"):
        if scene.omega.children[name].has_ended:
            scene.omega.start(name)


def bodies(scene, number=None):
    return [one["body"] for one in scene.ledger(number)]


def rows(scene, statement, *params):
    with psycopg.connect(scene.omega.place.database_url, autocommit=True) as line:
        return line.execute(statement, params).fetchall()


def test_a_worker_that_dies_at_any_line_loses_and_doubles_nothing(scene, points):
    sent = {}
    for name in SENDING:
        file, number = arm(points, name), phone()
        sent[name] = scene.send(number, f"dies at {name}") | {"to": number}
        assert wait_for(lambda file=file: not file.exists(), 20), f"nobody came by {name}"
        assert wait_for(lambda: any(scene.omega.children[one].has_ended for one in ("worker-1", "worker-2")))
        start_workers(scene)
    ends = scene.ends_of(list(sent.values()), 60)
    assert set(ends.values()) == {"delivered"}, ends
    for name, one in sent.items():
        assert bodies(scene, one["to"]) == [f"dies at {name}"]


@pytest.mark.parametrize("name", ["deliver.before_call", "deliver.after_call"])
def test_a_worker_that_wakes_up_after_its_lease_changes_nothing(scene, points, name):
    number = phone()
    scene.faults(callbacks={"drop": 1.0})
    file = arm(points, name, "stop:asleep")
    one = scene.send(number, "asleep")
    assert wait_for(lambda: not file.exists(), 20)
    assert wait_for(lambda: scene.status(one) == "sent", 40), scene.message(one)
    history = scene.message(one)["history"]
    for name in ("worker-1", "worker-2"):
        scene.omega.kill(name, signal.SIGCONT)
    others = [scene.send(phone(), f"after the sleep {n}") for n in range(8)]
    assert wait_for(lambda: {scene.status(other) for other in others} == {"sent"}, 20)
    assert bodies(scene, number) == ["asleep"]
    assert scene.message(one)["history"] == history


def test_a_web_process_that_dies_after_the_commit_has_one_message_for_the_repeated_request(scene, points):
    file, number = arm(points, "queue.before_kick"), phone()
    fields = {"request_id": "dies-before-its-answer", "to": number, "body": "committed, not answered"}
    with contextlib.suppress(requests.ConnectionError, AssertionError):
        scene.send(fields["to"], fields["body"], request_id=fields["request_id"])
    assert wait_for(lambda: not file.exists())
    answers = []
    assert wait_for(lambda: _answered(scene, fields, answers), 20)
    assert answers[-1].headers.get("Idempotent-Replayed") == "true"
    assert scene.end_of(answers[-1].json(), 20) == "delivered"
    assert bodies(scene, number) == ["committed, not answered"]


def _answered(scene, fields, answers):
    with contextlib.suppress(requests.ConnectionError):
        answers.append(scene.post("/sms/queue", {"business_id": scene.business_id, **fields}))
    return answers and answers[-1].status_code == 202


@pytest.mark.parametrize("name", HEARING)
def test_a_web_process_that_dies_over_a_text_in_has_it_once(scene, points, name):
    file = arm(points, name, "kill:sms.reply")
    for _ in range(5):  # the server that died over the last one is on its way back: this one may come by the record
        number = phone()
        with contextlib.suppress(AssertionError, requests.ConnectionError):
            scene.text(number, f"heard at {name}")
        if wait_for(lambda: not file.exists(), 3):
            break
    assert not file.exists()
    assert wait_for(lambda: heard(scene, number) == [f"heard at {name}"], 30), heard(scene, number)
    unread = "SELECT c.unread_count FROM conversations_conversation c JOIN accounts_client p ON p.id = c.client_id "
    assert rows(scene, unread + "WHERE p.phone = %s", number) == [(1,)]


def heard(scene, number):
    found = "SELECT body FROM conversations_message WHERE from_address = %s AND direction = 'inbound' ORDER BY id"
    return [body for (body,) in rows(scene, found, number)]


def test_a_thousand_first_texts_over_fifty_lines_at_once_are_one_client_and_one_conversation(scene):
    number, lines = phone(), 50
    calls = [[_signed_text(scene, number, f"{line}-{n}") for n in range(1000 // lines)] for line in range(lines)]
    start = threading.Barrier(lines)

    def speaks(own):
        line = http.client.HTTPConnection("127.0.0.1", scene.omega.port, timeout=60)
        line.connect()
        start.wait(60)
        return [_status(line, *call) for call in own]

    with ThreadPoolExecutor(lines) as all_lines:
        answers = Counter(status for found in all_lines.map(speaks, calls) for status in found)
    assert answers == {200: 1000}
    people = "SELECT count(*) FROM accounts_client WHERE phone = %s"
    threads = "SELECT v.unread_count, v.message_count FROM conversations_conversation v JOIN accounts_client c"
    assert wait_for(lambda: len(heard(scene, number)) == 1000, 30)  # one that found a lock may come by the spool
    assert sorted(heard(scene, number)) == sorted(f"{line}-{n}" for line in range(lines) for n in range(1000 // lines))
    assert rows(scene, people, number) == [(1,)]
    assert rows(scene, f"{threads} ON c.id = v.client_id WHERE c.phone = %s", number) == [(1000, 1000)]


def _signed_text(scene, number, words):
    """Path, headers and form of a text that Twilio tells of."""
    path, sid = "/omega/twilio/sms/reply", f"SM{uuid.uuid4().hex}"
    form = {"MessageSid": sid, "SmsSid": sid, "AccountSid": scene.omega.environment["TWILIO_ACCOUNT_SID"],
            "From": number, "To": scene.sender, "Body": words, "NumMedia": "0", "NumSegments": "1"}  # fmt: skip
    signer = TwilioSigner(scene.omega.environment["TWILIO_AUTH_TOKEN"])
    signature = signer.sign(scene.omega.environment["PUBLIC_BASE_URL"] + path, form.items())
    kind = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
    return path, kind, urlencode(form)


def _status(line, path, headers, form):
    line.request("POST", path, form, headers)
    answer = line.getresponse()
    answer.read()
    return answer.status


def test_a_single_message_does_not_stand_behind_another_businesss_twenty_thousand(scene):
    noisy = scene.omega.seed()["businesses"][1]
    crowd = """
        INSERT INTO conversations_message (business_id, conversation_id, client_id, channel, direction, status,
            accepted_status, request_id, body, subject, html, from_address, to_address, provider, error_code,
            error_message, error_retryable, attempts, segments, media_count, is_read, priority, position, due_at,
            created_at, decision, metadata, sender_id, cc, bcc)
        SELECT s.business_id, c.id, c.client_id, 'sms', 'outbound', 'queued', 'queued', 'crowd-' || n, 'crowd', '', '',
            s.address, '+1213' || (7000000 + n), 'twilio', '', '', false, 0, 1, 0, true, 2,
            nextval('conversations_message_id_seq'), now() - interval '1 hour', now(), '{}', '{}', s.id, '{}', '{}'
        FROM generate_series(1, 20000) n
        CROSS JOIN LATERAL (SELECT id, client_id FROM conversations_conversation
            WHERE business_id = %(business)s ORDER BY id LIMIT 1 OFFSET n %% 5) c
        JOIN accounts_sender s ON s.business_id = %(business)s AND s.channel = 'sms' AND s.is_default
    """
    with psycopg.connect(scene.omega.place.database_url, autocommit=True) as line:
        quiet = "UPDATE accounts_business SET quiet_from = '00:00', quiet_until = '00:00' WHERE id = %s"
        line.execute(quiet, (noisy["id"],))
        line.execute(crowd, {"business": noisy["id"]})
    scene.faults(twilio={"latency_ms": 80})
    assert wait_for(lambda: len(crowd_in(scene, noisy)) > 20, 30)
    before = len(crowd_in(scene, noisy))
    one = scene.send(phone(), "a single one")
    assert wait_for(lambda: "a single one" in bodies(scene), 20)
    behind = len(crowd_in(scene, noisy)) - before
    scene_rows = rows(scene, "DELETE FROM conversations_message WHERE body = 'crowd' AND status = 'queued' RETURNING 1")
    assert scene_rows, "the crowd was gone before the single one came: this test has lost its point"
    assert scene.end_of(one, 20) == "delivered"
    assert behind < 400, f"{behind} of the crowd went before it"


def crowd_in(scene, noisy):
    found = scene.carrier("GET", "/ledger")["results"]
    return [one for one in found if one["from"] == noisy["sms_sender"] and one["body"] == "crowd"]


def test_a_shut_account_is_tried_and_lets_all_follow_when_it_works_again(scene):
    scene.faults(twilio={"mode": "429"})
    sent = [scene.send(phone(), f"shut {n}") for n in range(30)]
    ready = f"{scene.omega.base_url}/health/ready"
    assert wait_for(lambda: requests.get(ready, timeout=10).json()["provider_accounts"]["status"] == "degraded", 20)
    got = requests.get(ready, timeout=10)
    assert got.json()["provider_accounts"]["shut"][0]["account"] == "platform"
    scene.heal()
    assert set(scene.ends_of(sent, 60).values()) == {"delivered"}
    assert sorted(one for one in bodies(scene) if one.startswith("shut")) == sorted(f"shut {n}" for n in range(30))
    assert requests.get(ready, timeout=10).json()["provider_accounts"] == {"status": "ok", "shut": []}


def test_a_poison_message_takes_three_workers_with_it_and_the_rest_goes_on(scene, points):
    arm(points, "deliver.before_call", "kill:POISON:*")
    poison = scene.send(phone(), "POISON")
    innocents = [scene.send(phone(), f"beside the poison {n}") for n in range(10)]
    ends = threading.Event()
    nurse = threading.Thread(target=_keep_alive, args=(scene, ends))
    nurse.start()
    try:
        assert wait_for(lambda: scene.status(poison) == "failed", 90), scene.message(poison)
    finally:
        ends.set()
        nurse.join()
    assert "Set aside" in scene.message(poison)["error"]["message"]
    assert set(scene.ends_of(innocents, 30).values()) == {"delivered"}


def _keep_alive(scene, ends):
    """What `make run` does, or an operator's supervisor."""
    while not ends.wait(0.2):
        start_workers(scene)


def test_while_redis_stands_still_texts_are_accepted_and_go_afterwards(scene):
    line = redis.from_url(scene.omega.place.redis_url)
    line.client_pause(4000)
    sent = [scene.send(phone(), f"paused {n}") for n in range(10)]
    assert set(scene.ends_of(sent, 30).values()) == {"delivered"}
    assert sorted(one for one in bodies(scene) if one.startswith("paused")) == [f"paused {n}" for n in range(10)]


def test_a_column_and_an_index_are_added_under_load_and_no_request_fails(scene):
    changes = (
        "SET lock_timeout = '2s'",
        "ALTER TABLE conversations_message ADD COLUMN of_tomorrow integer",
        "CREATE INDEX CONCURRENTLY of_tomorrow ON conversations_message (of_tomorrow) WHERE of_tomorrow IS NOT NULL",
        "ALTER TABLE conversations_message DROP COLUMN of_tomorrow",
    )

    def migrate():
        with psycopg.connect(scene.omega.place.database_url, autocommit=True) as line:
            for change in changes:
                line.execute(change)

    deployment = threading.Thread(target=migrate)
    deployment.start()
    sent = []
    while deployment.is_alive() or len(sent) < 10:
        sent.append(scene.send(phone(), f"deploying {len(sent)}"))
    deployment.join()
    assert set(scene.ends_of(sent, 30).values()) == {"delivered"}
    assert len(scene.ledger()) >= len(sent)
