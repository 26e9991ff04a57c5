"""Nobody's number, address or words are in a log, job, trace, error report or name of a file: a day, then a look."""

import contextlib
import gzip
import json
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli
import psycopg
import pytest
import redis
import requests

from omega_project.lib.scrubbing import scrub, scrub_log, scrub_report
from tests.journeys.test_journey_database_away import database_away
from tests.support.otlp import Receiver
from tests.support.processes import Omega, wait_for

PHONE, MAIL, WORDS = "+12125557391", "zyxwvut@marked.example", "Zyxwvut has told us of her illness"
MARKS = (PHONE, PHONE[1:], "zyxwvut", "marked.example", "illness")

KINDS = {"sms outbound", "sms inbound", "email outbound", "email inbound", "voice inbound"}

UNPACKED = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}  # Sentry's choice is what is installed


class Reports(ThreadingHTTPServer):
    """A place that error reports go to."""

    def __init__(self):
        self.found = []
        super().__init__(("127.0.0.1", 0), Report)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Report(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.found.append(UNPACKED[self.headers.get("Content-Encoding", "")](body).decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *words):
        pass


@pytest.fixture
def reports():
    server = Reports()
    yield server
    server.shutdown()


def overhear(redis_url, heard):
    """Write down every command that Redis is given, as long as it runs."""
    watcher = redis.from_url(redis_url, socket_timeout=None)
    with contextlib.suppress(redis.ConnectionError), watcher.monitor() as monitor:
        heard.append("ready")
        for command in monitor.listen():
            heard.append(command["command"])


def a_day(omega, business):
    """Sends that go and that fail, a client who answers and opts out, searches, and requests that are refused."""
    line = requests.Session()
    line.headers["X-API-KEY"] = business["api_key"]
    base, own = omega.base_url, f"/businesses/{business['id']}"
    client = {"external_id": "marked", "first_name": "Zyxwvut", "phone": PHONE, "email": MAIL}
    assert line.post(f"{base}{own}/clients/sync", json={"rows": [client]}).status_code == 200
    for to in (PHONE, "+12025550001", "nobody"):
        line.post(f"{base}/sms/queue", json={"business_id": business["id"], "to": to, "body": WORDS})
    for words in (WORDS, "STOP", WORDS):
        told = {"from": PHONE, "to": business["sms_sender"], "body": words}
        requests.post(f"{omega.sandbox_url}/handset/sms", json=told).raise_for_status()
    line.get(f"{base}{own}/clients", params={"q": PHONE})
    line.get(f"{base}/nowhere", params={"q": MAIL})
    line.get(f"{base}{own}/clients", params={"q": "Zyxwvut"})
    line.post(f"{base}/sms/queue", data=f'{{"body": "{WORDS}", "to": "{PHONE}"')
    requests.post(f"{base}/twilio/sms/reply", data={"From": PHONE, "Body": WORDS, "MessageSid": "SM" + "1" * 32})
    requests.get(f"{base}{own}/clients", params={"q": PHONE}, headers={"X-API-KEY": MAIL})
    requests.post(f"{base.removesuffix('/omega')}/admin/login/", data={"username": MAIL, "password": WORDS})
    return line


def mails(omega, business, line):
    """Mail that goes, that bounces and that nobody can send to; a client who writes, and a stranger's."""
    for to in (MAIL, "bounce-zyxwvut@marked.example", "nobody at all"):
        body = {"business_id": business["id"], "to": to, "subject": WORDS, "text": WORDS, "cc": [f"cc.{MAIL}"]}
        line.post(f"{omega.base_url}/email/queue", json=body)
    for from_ in (MAIL, "zyxwvut@elsewhere-marked.example"):
        told = {"from": from_, "to": business["email_sender"], "subject": WORDS, "text": WORDS, "html": f"<p>{WORDS}"}
        requests.post(f"{omega.sandbox_url}/handset/email", json=told).raise_for_status()
    requests.post(f"{omega.base_url}/email/inbound/sendgrid", data={"from": MAIL, "text": WORDS})
    requests.post(f"{omega.base_url}/email/webhook", json=[{"email": MAIL, "event": "bounce", "reason": WORDS}])


def calls(omega, business, line):
    """A client calls and leaves a message; one that omega did not see is recorded."""
    script = {"talk_ms": 50, "voicemail_seconds": 1}
    told = {"from": PHONE, "to": business["sms_sender"], "script": script}
    requests.post(f"{omega.sandbox_url}/handset/call", json=told, timeout=60).raise_for_status()
    call = {"sid": "CA" + "1" * 32, "status": "completed", "recording_url": "https://zyxwvut.marked.example/a.mp3"}
    body = {"channel": "voice", "action": "record", "business_id": business["id"], "from": PHONE, "body": WORDS}
    line.post(f"{omega.base_url}/messages", json=body | {"direction": "inbound", "call": call})
    requests.post(f"{omega.base_url}/voice-calls/twiml", data={"From": PHONE, "CallSid": "CA" + "2" * 32})


def signs_up(omega):
    """A business whose people and numbers are marked: one that is set up, one whose request is refused."""
    key = {"X-API-KEY": omega.seed()["platform_api_key"]}
    whole = {
        "external_id": "marked", "name": "Zyxwvut Spa", "timezone": "America/New_York",
        "locations": [{"external_id": "soho", "name": "Zyxwvut SoHo"}],
        "staff": [{"external_id": "mo", "name": "Zyxwvut", "email": f"mo.{MAIL}", "location_external_ids": ["soho"]}],
        "senders": [{"channel": "sms", "address": "+12125557392"}],
        "owner": {"name": "Zyxwvut", "phone": PHONE, "email": MAIL},
    }  # fmt: skip
    started = requests.post(f"{omega.base_url}/business/onboard", json=whole, headers=key)
    assert started.status_code == 202, started.text
    requests.post(f"{omega.base_url}/business/onboard", json=whole | {"timezone": WORDS}, headers=key)
    return lambda: requests.get(
        f"{omega.base_url}/business/onboard/{started.json()['onboarding_id']}", headers=key
    ).json()


def while_the_database_is_away(omega, business, line):
    """What providers tell then lies in the spool; the names of its files."""
    scene = types.SimpleNamespace(omega=omega)
    with database_away(scene):
        told = {"from": PHONE, "to": business["sms_sender"], "body": WORDS}
        requests.post(f"{omega.sandbox_url}/handset/sms", json=told).raise_for_status()
        told = {"from": MAIL, "to": business["email_sender"], "subject": WORDS, "text": WORDS}
        requests.post(f"{omega.sandbox_url}/handset/email", json=told).raise_for_status()
        line.post(f"{omega.base_url}/sms/queue", json={"business_id": business["id"], "to": PHONE, "body": WORDS})
        spooled = [str(file.relative_to(omega.place.home)) for file in spool_of(omega).glob("*")]
    assert sum(name.endswith(".event") for name in spooled) >= 2, spooled
    assert wait_for(lambda: not list(spool_of(omega).glob("*.event")), 30)
    return spooled


def spool_of(omega):
    return omega.place.home / "spool"


def kinds(omega):
    """Of what kinds there are messages from or to the marked person."""
    found = """SELECT DISTINCT channel || ' ' || direction FROM conversations_message
        WHERE concat(from_address, to_address) ~ '5557391|marked'"""
    with psycopg.connect(omega.place.database_url, autocommit=True) as database:
        return {kind for (kind,) in database.execute(found).fetchall()}


def broken(omega, line, business):
    """The same while a table is not as the code thinks: an error of ours, with all that it says."""
    with psycopg.connect(omega.place.database_url, autocommit=True) as database:
        database.execute("ALTER TABLE accounts_client RENAME COLUMN email TO was_email")
        try:
            row = {"external_id": "marked", "first_name": "Zyxwvut", "phone": PHONE, "email": MAIL}
            answer = line.post(f"{omega.base_url}/businesses/{business['id']}/clients/sync", json={"rows": [row]})
            for words in (MAIL, "Zyxwvut"):
                line.get(f"{omega.base_url}/businesses/{business['id']}/clients", params={"q": words})
            return answer.status_code
        finally:
            database.execute("ALTER TABLE accounts_client RENAME COLUMN was_email TO email")


def test_no_log_job_or_report_has_anything_of_anybody(place, reports, tmp_path):
    heard = []
    threading.Thread(target=overhear, args=(place.redis_url, heard), daemon=True).start()
    settings = {"SENTRY_DSN": f"http://key@127.0.0.1:{reports.server_port}/1", "LOG_FORMAT": "json"}
    settings |= {"EMAIL_URL": f"filemail:///{tmp_path}", "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with Receiver() as receiver, Omega(place, **settings, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint) as omega:
        business = omega.seed()["businesses"][0]
        omega.start_all()
        line = a_day(omega, business)
        mails(omega, business, line)
        calls(omega, business, line)
        state = signs_up(omega)
        assert wait_for(lambda: state()["status"] == "completed", 60), state()
        names = while_the_database_is_away(omega, business, line)
        assert wait_for(lambda: kinds(omega) >= KINDS, 30), kinds(omega)
        assert wait_for(lambda: any("rq:job" in one for one in heard), 20)
        assert broken(omega, line, business) == 500
        assert wait_for(lambda: any("UndefinedColumn" in one or "ProgrammingError" in one for one in reports.found), 20)
        written = {name: omega.log(name) for name in ("web", "worker-1", "worker-2", "scheduler")}
        files = [str(file.relative_to(place.home)) for file in place.home.rglob("*")]
    written |= {"redis": "\n".join(heard), "reports": "\n".join(reports.found)}
    written |= {"files": "\n".join(files + names), "traces": receiver.raw.decode("utf-8", "replace")}
    assert "request.failed" in written["web"]
    assert "spool.kept" in written["web"]
    assert {"provider.send", "webhook.process"} <= {span.name for span in receiver.spans}
    for name, text in written.items():
        lines = [line for line in text.splitlines() for mark in MARKS if mark.lower() in line.lower()]
        assert lines == [], name


@pytest.mark.parametrize(
    "text",
    [f"Key (address)=({PHONE}) exists", f"no such user <{MAIL}>", f"?to=%2B{PHONE[1:]}", "?q=zyxwvut%40marked.example",
     "+1 (212) 555-7391",
     f"oops\nDETAIL:  Failing row contains (1, {WORDS}).\n", f"Failing row contains (7, {WORDS})",
     "key omega_plat_Zyxwvut-0123456789"],
)  # fmt: skip
def test_what_an_exception_says_of_somebody_is_taken_out(text):
    found = scrub(text)
    assert not [mark for mark in (*MARKS, "7391") if mark.lower() in found.lower()], found
    assert WORDS not in json.dumps(scrub_log(None, "error", {"event": "x", "exception": text, "more": [{"a": text}]}))


def test_what_is_no_ones_stays():
    for text in ("message 12345678901", "SM0123456789", "2026-11-22 10:00:00+00:00", "10.0.0.1:5432", "1234567 rows"):
        assert scrub(text) == text


def test_a_report_has_no_body_query_cookie_header_or_variable():
    event = {
        "request": {
            "method": "POST", "url": f"http://omega/x?q={PHONE}", "query_string": PHONE, "data": WORDS,
            "cookies": {"sessionid": "s"}, "headers": {"X-Api-Key": "k", "Authorization": "b", "Host": "omega"},
            "env": {"REMOTE_ADDR": "192.0.2.1"},
        },
        "user": {"email": MAIL}, "extra": {"sys.argv": [WORDS]}, "breadcrumbs": {"values": [{"message": WORDS}]},
        "exception": {"values": [{"value": MAIL, "stacktrace": {"frames": [{"vars": {"body": WORDS}, "lineno": 1}]}}]},
    }  # fmt: skip
    told = scrub_report(event)
    assert told["request"] == {"method": "POST", "url": "http://omega/x", "headers": {"Host": "omega"}}
    assert not [mark for mark in MARKS if mark.lower() in json.dumps(told).lower()]
    assert told["exception"]["values"][0]["stacktrace"]["frames"] == [{"lineno": 1}]
