"""The forms of the voice webhooks, names as in tests/fixtures/voice_*.form."""

import time

from sandbox.callbacks import Params
from sandbox.twilio.receiving import FROM_PLACE, TO_PLACE, place_of
from sandbox.twilio.resource import rfc2822
from sandbox.voice.call import BY_DIAL, INBOUND, Call

CALL_TOKEN = '{"parentCallInfoToken":"x","identityHeaderTokens":[]}'  # noqa: S105 - a parameter's value, as in the fixture
SIP = {"completed": "200", "busy": "486", "no-answer": "480", "failed": "503", "canceled": "487"}
RESERVED = frozenset({"AccountSid", "ApiVersion", "ApplicationSid", "CallSid", "CallStatus", "Called", "Caller"}) | {
    "Direction",
    "From",
}


def call_params(call: Call, more: dict[str, str] | None = None) -> Params:
    """What every request for TwiML says of its call, and `more`; sorted by name, as in the fixtures.

    What a device says besides is in the first request only (the one without `more`).
    """
    client = call.from_.startswith("client:")
    own = call.parameters if client and more is None else {}
    params = {name: value for name, value in own.items() if name not in RESERVED}
    params |= {
        "AccountSid": call.account,
        "ApiVersion": "2010-04-01",
        "CallSid": call.sid,
        "CallStatus": call.status,
        "Called": "" if client else call.to,
        "Caller": call.from_,
        "Direction": call.direction,
        "From": call.from_,
        "To": call.given_to,
    }
    if call.application:
        params["ApplicationSid"] = call.application
    if call.parent:
        params["ParentCallSid"] = call.parent.sid
    if not client and call.direction == INBOUND:
        params |= _places(call) | {"StirVerstat": "TN-Validation-Passed-A"}
        if call.status == "ringing" and more is None:
            params["CallToken"] = CALL_TOKEN
    return sorted((params | (more or {})).items())


def _places(call: Call) -> dict[str, str]:
    found: dict[str, str] = {}
    for prefixes, number, known in (
        (("Caller", "From"), call.from_, FROM_PLACE),
        (("Called", "To"), call.to, TO_PLACE),
    ):
        for name, value in place_of(number, known):
            found |= {f"{prefix}{name}": value for prefix in prefixes}
    return found


def status_params(call: Call, sequence: int) -> Params:
    """A call-progress event, in the fixtures' order; `sequence` counts from 0."""
    params = [("AccountSid", call.account), ("ApiVersion", "2010-04-01"), ("CallSid", call.sid)]
    if call.parent:
        params.append(("ParentCallSid", call.parent.sid))
    if call.application:
        params.append(("ApplicationSid", call.application))
    params += [
        ("CallStatus", call.status),
        ("CallbackSource", "call-progress-events"),
        ("Called", call.given_to),
        ("Caller", call.from_),
        ("Direction", call.direction),
        ("From", call.from_),
        ("To", call.given_to),
        ("SequenceNumber", str(sequence)),
        ("Timestamp", rfc2822(int(time.time()))),
    ]
    if call.ended:
        minutes = -(-call.seconds // 60)
        params += [("CallDuration", str(call.seconds)), ("Duration", str(minutes))]
        params += [("SipResponseCode", SIP[call.status])] if call.direction == BY_DIAL else []
    return params
