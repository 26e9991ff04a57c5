"""Loaded by schemathesis: three calls of four get ids that exist and a signature that holds, to come past the door."""

import itertools
import json
import os

import schemathesis
from twilio.request_validator import RequestValidator

KNOWN = json.loads(os.environ["FUZZ_KNOWN"])
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
    if "/twilio/" in case.path and isinstance(case.body, dict):
        _sign(case)


def _sign(case):
    """As Twilio does; with the fields that make it a text or a report, unless the case has its own."""
    case.body = KNOWN["form"] | {"MessageSid": f"SM{next(_turns):032d}"} | case.body
    if all(isinstance(value, str) for value in case.body.values()):
        url = KNOWN["origin"] + case.formatted_path
        case.headers["X-Twilio-Signature"] = RequestValidator(KNOWN["twilio_token"]).compute_signature(url, case.body)
