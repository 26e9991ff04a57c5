"""SendGrid's domain authentication and verified senders, through the real SDK."""

import json

import pytest
import requests
from python_http_client.exceptions import BadRequestsError, NotFoundError, UnauthorizedError
from sendgrid import SendGridAPIClient

from tests.sandbox.process import SENDGRID_KEY, Sandbox

RECORDS = {"mail_cname", "dkim1", "dkim2"}


@pytest.fixture
def domains(sandbox: Sandbox):
    """The SDK's whitelabel domains."""
    return SendGridAPIClient(SENDGRID_KEY, host=sandbox.base_url).client.whitelabel.domains


def made(domains, domain: str, **more: object) -> dict:
    return json.loads(domains.post(request_body={"domain": domain, **more}).body)


def test_a_domain_has_three_records_to_publish(sandbox: Sandbox, domains) -> None:
    answer = domains.post(request_body={"domain": "studio.example", "subdomain": "mail", "automatic_security": True})
    body = json.loads(answer.body)
    assert (answer.status_code, body["valid"], body["domain"], body["subdomain"]) == (
        201, False, "studio.example", "mail",
    )  # fmt: skip
    assert set(body["dns"]) == RECORDS
    assert body["dns"]["mail_cname"]["host"] == "mail.studio.example"
    assert all(set(record) == {"valid", "type", "host", "data"} for record in body["dns"].values())
    assert json.loads(domains._(body["id"]).get().body) == body
    assert [entry["name"] for entry in sandbox.made(kind="domain")] == ["studio.example"]


def test_a_published_domain_becomes_valid(domains) -> None:
    number = made(domains, "studio.example")["id"]
    found = json.loads(domains._(number).validate.post().body)
    assert found == {
        "id": number, "valid": True,
        "validation_results": {name: {"valid": True, "reason": None} for name in RECORDS},
    }  # fmt: skip
    whole = json.loads(domains.get(query_params={"domain": "studio.example"}).body)
    assert [(one["valid"], one["dns"]["dkim2"]["valid"]) for one in whole] == [(True, True)]
    assert json.loads(domains.get(query_params={"domain": "other.example"}).body) == []


def test_an_unpublished_one_says_what_is_missing(sandbox: Sandbox, domains) -> None:
    number = made(domains, "unpublished.example")["id"]
    found = json.loads(domains._(number).validate.post().body)
    assert (found["valid"], set(found["validation_results"])) == (False, RECORDS)
    assert "s1._domainkey.unpublished.example" in found["validation_results"]["dkim1"]["reason"]
    path = f"{sandbox.base_url}/domains/unpublished.example"
    assert requests.put(path, json={"published": True}, timeout=5).json()["ids"] == [number]
    assert json.loads(domains._(number).validate.post().body)["valid"] is True
    requests.put(path, json={"published": False}, timeout=5)
    assert json.loads(domains._(number).validate.post().body)["valid"] is False


def test_refusals(sandbox: Sandbox, domains) -> None:
    made(domains, "studio.example", subdomain="mail")
    for body in ({"domain": "studio.example", "subdomain": "mail"}, {"domain": "studio"}, {}):
        with pytest.raises(BadRequestsError) as refused:
            domains.post(request_body=body)
        assert json.loads(refused.value.body)["errors"][0]["field"] == "domain"
    with pytest.raises(NotFoundError):
        domains._(99).validate.post()
    with pytest.raises(UnauthorizedError):
        SendGridAPIClient("SG.wrong", host=sandbox.base_url).client.whitelabel.domains.get()
    sandbox.faults(sendgrid={"mode": "500"})
    assert requests.post(
        f"{sandbox.base_url}/v3/whitelabel/domains", json={"domain": "a.example"},
        headers={"Authorization": f"Bearer {SENDGRID_KEY}"}, timeout=5,
    ).status_code == 500  # fmt: skip
    assert len(sandbox.made()) == 1


def test_a_sender_is_verified_unless_its_name_says_otherwise(sandbox: Sandbox) -> None:
    senders = SendGridAPIClient(SENDGRID_KEY, host=sandbox.base_url).client.verified_senders
    for address in ("desk@studio.example", "unverified@studio.example"):
        answer = senders.post(request_body={"nickname": "desk", "from_email": address, "reply_to": address})
        assert answer.status_code == 201
    found = json.loads(senders.get().body)["results"]
    assert [(one["from_email"], one["verified"]) for one in found] == [
        ("unverified@studio.example", False), ("desk@studio.example", True),
    ]  # fmt: skip
