"""Clients that others generate from the document: they build without a warning, and the Python one drives omega."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.schema.document import document, operations
from tools.programs import ROOT

PACKAGE = "omega_client"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    (folder / "openapi.json").write_text(json.dumps(document()))
    return folder


def generate(kind, folder, name):
    words = ["sh", ROOT / "tools" / "clients.sh", kind, folder / "openapi.json", folder / name]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / name


@pytest.fixture(scope="module")
def package(folder):
    generate("python", folder, PACKAGE)
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def api(package, omega):
    """The generated functions by operation id, as the first of the demo's businesses may call them."""
    demo = omega.seed()["businesses"][0]
    client = importlib.import_module(f"{package}.client").AuthenticatedClient(
        base_url=omega.base_url.removesuffix("/omega"), token=demo["api_key"], prefix="",
        auth_header_name="X-API-KEY", raise_on_unexpected_status=True, httpx_args={"trust_env": False},
    )  # fmt: skip

    def call(tag, name, *ids, **fields):
        return importlib.import_module(f"{package}.api.{tag}.{name}").sync(*ids, client=client, **fields)

    call.business_id = demo["id"]
    call.models = importlib.import_module(f"{package}.models")
    return call


def test_the_python_client_has_every_operation(package, folder):
    made = {path.stem for path in (folder / package / "api").glob("*/*.py")}
    assert {one.name for one in operations()} <= made


def test_the_python_client_drives_omega(api):
    body = api.models.QueueSmsRequest(business_id=api.business_id, to="+12125550177", body="By a generated client")
    queued = api("sms", "sms_queue", body=body)
    assert queued.status == "queued"
    assert queued.segments == 1

    page = api("businesses", "conversations_list", api.business_id, page_size=5, q="+12125550177")
    assert queued.conversation_id in [one.id for one in page.results]
    assert page.results[0].client.phone == "+12125550177"

    ids = api.business_id, queued.client_id, queued.conversation_id
    timeline = api("businesses", "messages_list", *ids, page_size=10)
    assert [(one.id, one.body) for one in timeline.results] == [(queued.message_id, "By a generated client")]
    assert timeline.results[0].created_at.utcoffset().total_seconds() == 0


def test_the_python_client_reads_errors(api):
    nobody = api("business_clients", "clients_get", api.business_id, 2**62)
    assert (type(nobody).__name__, nobody.code) == ("ErrorBody", "not_found")
    empty = api("sms", "sms_queue", body=api.models.QueueSmsRequest(business_id=api.business_id))
    assert {".".join(map(str, fault.loc)) for fault in empty.detail} == {"body.to", "body.body"}


@pytest.mark.skipif(not shutil.which("npx") and not os.environ.get("CI"), reason="npx is not installed")
def test_the_typescript_types_have_every_operation(folder):
    types = generate("typescript", folder, "omega.ts").read_text()
    interface = types.split("export interface operations {", 1)[1]
    assert set(re.findall(r"^    (\w+): \{$", interface, re.MULTILINE)) == {one.name for one in operations()}
