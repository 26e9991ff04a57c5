"""Whatever is sent, no answer breaks the contract: no 5xx, no undocumented status, no body that its schema forbids.

`make fuzz` runs this for FUZZ_SECONDS, each time with other requests; in `make test` it is short and always the same.
"""

import json
import os
import subprocess
import sys
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from tests.schema.document import operations
from tests.settings import HOME
from tests.support.processes import Omega, lasting_place
from tools.programs import ROOT

SECONDS = int(os.environ.get("FUZZ_SECONDS", "0"))
EXTENT = ["--max-time", str(SECONDS), "-n", "200"] if SECONDS else ["-n", "4", "--seed", "1"]
PROCESSES = 2


@pytest.fixture(scope="module")
def server():
    """A web server and a database that may be filled with nonsense."""
    with lasting_place(HOME) as place, Omega(place, API_RATE_LIMIT="off") as running:
        running.seed()
        running.start("web")
        yield running


def asked(server, path):
    request = urllib.request.Request(
        f"{server.base_url}{path}", headers={"X-API-KEY": server.seed()["platform_api_key"]}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return json.load(answer)


def known(server):
    """What exists on the server, for the hooks."""
    business = server.seed()["businesses"][0]
    own = f"/businesses/{business['id']}"
    conversation = asked(server, f"{own}/conversations?channel=sms")["results"][0]
    thread = f"{own}/clients/{conversation['client']['id']}/conversations/{conversation['id']}"
    sent = asked(server, f"{thread}/messages?channel=sms&direction=outbound")["results"][0]
    staff_id = asked(server, f"{own}/staffs")["results"][0]["id"]
    phone = conversation["client"]["phone"]
    ids = {
        "business_id": business["id"], "client_id": conversation["client"]["id"], "staff_id": staff_id,
        "conversation_id": conversation["id"], "message_id": sent["id"],
        "location_id": conversation["location_id"], "assigned_to": str(staff_id), "to": phone, "from": sent["from"],
        "mentions": [staff_id],
    }  # fmt: skip
    form = {"From": phone, "To": business["sms_sender"], "Body": "Hello", "MessageStatus": "delivered"}
    token = server.environment["TWILIO_AUTH_TOKEN"]
    origin = server.environment["PUBLIC_BASE_URL"]
    key = server.environment["SENDGRID_WEBHOOK_PRIVATE_KEY"]
    mail = b64encode(server.environment["INBOUND_EMAIL_BASIC_AUTH"].encode()).decode()
    return {
        "ids": ids, "form": form, "origin": origin, "twilio_token": token, "sendgrid_key": key,
        "mail_auth": f"Basic {mail}",
    }  # fmt: skip


def start(server, part, folder):
    """Schemathesis on every operation whose turn is `part`; more threads in one of it trip over each other."""
    heaviest_first = sorted(operations(), key=lambda one: len(str(one.parameters("query"))), reverse=True)
    names = [one.name for one in heaviest_first][part::PROCESSES]
    words = [Path(sys.executable).with_name("st"), "--no-color", "--config-file", ROOT / "tests/fuzz/schemathesis.toml"]
    words += ["run", f"{server.base_url}/schema", "-H", f"X-API-KEY: {server.seed()['platform_api_key']}", *EXTENT]
    words += ["--phases", "examples,coverage,fuzzing"]
    words += [word for name in names for word in ("--include-operation-id", name)]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(ROOT), "FUZZ_KNOWN": json.dumps(known(server)),
        "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    output = (folder / f"{part}.txt").open("w+")
    return subprocess.Popen(words, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT), output


@pytest.mark.timeout(SECONDS * 2 + 500)  # its requests are counted, not its time: a busy machine takes longer
def test_no_answer_breaks_the_contract(server, tmp_path):
    running = [start(server, part, tmp_path) for part in range(PROCESSES)]
    try:
        codes = [process.wait(timeout=SECONDS * 2 + 400) for process, _ in running]
    finally:
        for process, _ in running:
            process.kill()
    said = "\n".join((tmp_path / f"{part}.txt").read_text()[-20000:] for part in range(PROCESSES))
    assert codes == [0] * PROCESSES, said
