"""A mail of twenty-five megabytes passes through the real programs in little memory, byte for byte."""

import hashlib
import http.client
import json
import random
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.mail.letters import BOUNDARY, basic, form, raw_fields
from tests.settings import HOME
from tests.support.processes import Omega, lasting_place, wait_for

MIB = 1024 * 1024
MOST = 200 * MIB
FILE = random.Random(1).randbytes(18 * MIB)


@pytest.fixture(scope="module")
def server():
    with lasting_place(HOME) as place, Omega(place) as running:
        running.seed()
        with psycopg.connect(place.database_url, autocommit=True) as database:
            database.execute(
                "INSERT INTO accounts_sender (business_id, channel, address, provider, is_default, is_active,"
                " created_at, updated_at) SELECT min(id), 'email', 'big@large.example', 'sendgrid', false, true,"
                " now(), now() FROM accounts_business ON CONFLICT DO NOTHING"
            )
        running.start("web")
        running.start("worker-1")
        running.wait_ready("web", "worker-1")
        yield running


def a_large_mail():
    """Twenty-five megabytes on the wire: a text, and eighteen of a file in base64."""
    lines = b64encode(FILE)
    wrapped = b"\r\n".join(lines[at : at + 76] for at in range(0, len(lines), 76))
    head = (
        "From: Ana <ana@large.example>\r\nTo: big@large.example\r\nSubject: raw\r\nMessage-ID: <l1@large.example>\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nHere it is.\r\n--b\r\n'
        'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="plan.pdf"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + wrapped + b"\r\n--b--\r\n"


def parsed_fields():
    envelope = json.dumps({"to": ["big@large.example"], "from": "ana@large.example"})
    headers = "From: Ana <ana@large.example>\nTo: big@large.example\nSubject: parsed\nMessage-ID: <l2@large.example>\n"
    return [("headers", headers), ("text", "Here it is."), ("envelope", envelope), ("attachments", "1"),
            ("attachment1", FILE + b"x" * (7 * MIB) + b"\r", "plan.pdf", "application/pdf")]  # fmt: skip


def hands_over(server, body):
    url = urlsplit(server.base_url)
    line = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Authorization": basic(server.environment["INBOUND_EMAIL_BASIC_AUTH"]),
    }
    line.request("POST", f"{url.path}/email/inbound/sendgrid", body, headers)
    answer = line.getresponse()
    assert answer.status == 200, answer.read()


def peak(pid):
    """The most memory that a process ever had, in bytes."""
    found = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024


def arrived(server, subject):
    with psycopg.connect(server.place.database_url) as database:
        return database.execute(
            "SELECT m.body, a.file, a.size FROM conversations_message m JOIN conversations_attachment a"
            " ON a.message_id = m.id WHERE m.subject = %s",
            [subject],
        ).fetchall()


@pytest.mark.parametrize("mode", ["raw", "parsed"])
def test_a_mail_of_25_megabytes_takes_less_than_200(server, mode):
    expected = FILE if mode == "raw" else FILE + b"x" * (7 * MIB) + b"\r"
    body = form(
        raw_fields(a_large_mail(), "big@large.example", "ana@large.example") if mode == "raw" else parsed_fields()
    )
    assert len(body) > 24 * MIB
    hands_over(server, body)
    assert wait_for(lambda: arrived(server, mode), seconds=30)
    ((text, name, size),) = arrived(server, mode)
    kept = (Path(server.place.home) / "media" / name).read_bytes()
    assert (text, size) == ("Here it is.", len(expected))
    assert hashlib.sha256(kept).digest() == hashlib.sha256(expected).digest()
    peaks = {pid: peak(pid) for name in ("web", "worker-1") for pid in server.pids(name)}
    assert max(peaks.values()) < MOST, peaks
