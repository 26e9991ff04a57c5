"""Loaded by schemathesis: three calls of four get ids that exist and a signature that holds, to come past the door."""

import itertools
import json
import os

import schemathesis
from twilio.request_validator import RequestValidator

from sandbox.signing import SendGridSigner

KNOWN = json.loads(os.environ["FUZZ_KNOWN"])
SIGNER = SendGridSigner(KNOWN["sendgrid_key"])
_turns = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    turn = next(_turns)
    if turn % 4 == 3:
        return
    for given in (case.path_parameters, case.query, case.body):
        if isinstance(given, dict):
            given.update({name: KNOWN["ids"][name] for name in given if name in KNOWN["ids"]})
    if isinstance(case.body, dict):
        case.body.pop("template_id", None)  # nothing that is documented tells one
        if "request_id" in case.body and turn % 2:
            case.body["request_id"] = f"fuzz-{turn}"
    _prove(case)


def _prove(case):
    """Let it be a provider's call, where it is one."""
    if "/email/inbound/" in case.path:
        case.headers["Authorization"] = KNOWN["mail_auth"]
    if "/twilio/" in case.path and isinstance(case.body, dict):
        _sign(case)
    if "/email/webhook" in case.path and isinstance(case.body, list):
        _sign_events(case)


def _sign(case):
    """As Twilio does; with the fields that make it a text or a report, unless the case has its own."""
    case.body = KNOWN["form"] | {"MessageSid": f"SM{next(_turns):032d}"} | case.body
    if all(isinstance(value, str) for value in case.body.values()):
        url = KNOWN["origin"] + case.formatted_path
        case.headers["X-Twilio-Signature"] = RequestValidator(KNOWN["twilio_token"]).compute_signature(url, case.body)


def _sign_events(case):
    """As SendGrid does: over the very bytes, of a mail that exists where the case names none."""
    known = {"event": "delivered", "omega_message_id": str(KNOWN["ids"]["message_id"])}
    events = [known | one if isinstance(one, dict) else one for one in case.body]
    case.body = json.dumps(events).encode()
    if case.path_parameters and next(_turns) % 2:
        case.path_parameters["provider"] = "sendgrid"
    prefix, at = "X-Twilio-Email-Event-Webhook", str(next(_turns))
    case.headers[f"{prefix}-Timestamp"] = at
    case.headers[f"{prefix}-Signature"] = SIGNER.sign(at, case.body)
    if case.query:
        case.query.pop("account", None)
