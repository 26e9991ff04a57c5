"""Nobody's number, address or words are in a log, a job or an error report: a day in omega, and then one looks."""

import contextlib
import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli
import psycopg
import pytest
import redis
import requests

from omega_project.lib.scrubbing import scrub, scrub_log, scrub_report
from tests.support.processes import Omega, wait_for

PHONE, MAIL, WORDS = "+12125557391", "zyxwvut@marked.example", "Zyxwvut has told us of her illness"
MARKS = (PHONE, PHONE[1:], "zyxwvut", "marked.example", "illness")

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


def test_no_log_job_or_report_has_anything_of_anybody(place, reports):
    heard = []
    threading.Thread(target=overhear, args=(place.redis_url, heard), daemon=True).start()
    with Omega(place, SENTRY_DSN=f"http://key@127.0.0.1:{reports.server_port}/1", LOG_FORMAT="json") as omega:
        business = omega.seed()["businesses"][0]
        omega.start_all()
        line = a_day(omega, business)
        assert wait_for(lambda: any("rq:job" in one for one in heard), 20)
        assert broken(omega, line, business) == 500
        assert wait_for(lambda: any("UndefinedColumn" in one or "ProgrammingError" in one for one in reports.found), 20)
        written = {name: omega.log(name) for name in ("web", "worker-1", "worker-2", "scheduler")}
    written |= {"redis": "\n".join(heard), "reports": "\n".join(reports.found)}
    assert "request.failed" in written["web"]
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
