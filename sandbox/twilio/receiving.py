"""A handset sends: the inbound text, the signed webhook to omega, and the TwiML that omega answers with."""

import time
import xml.etree.ElementTree as ET
from functools import partial
from typing import Any

from sandbox.callbacks import Answer, Params
from sandbox.carrier import Carrier
from sandbox.ledger import Text
from sandbox.media import Media
from sandbox.twilio import keywords
from sandbox.twilio.pages import appeared, reported
from sandbox.twilio.resource import new_sid
from sandbox.twilio.segments import segments_of

XML = frozenset({"text/xml", "application/xml"})
FROM_PLACE = (("City", "SAN FRANCISCO"), ("State", "CA"), ("Zip", "94103"), ("Country", "US"))
TO_PLACE = (("City", "SAUSALITO"), ("State", "CA"), ("Zip", "94965"), ("Country", "US"))


def receive(carrier: Carrier, *, from_: str, to: str, body: str, files: list[Media], account: str) -> Text:
    """Take a handset's text into the account's record, as the real account's list has it, webhook or not.

    A keyword (STOP, START, HELP) is obeyed and answered by the carrier itself, at once.
    """
    text = Text(sid=new_sid("MM" if files else "SM"), account=account, from_=from_, to=to, body=body)
    text.direction, text.status, text.sent_at = "inbound", "received", text.at
    text.segments, text.service = segments_of(body), carrier.service_of.get(to)
    base = f"{carrier.settings.base_url}/2010-04-01/Accounts/{account}/Messages/{text.sid}/Media/"
    text.media = tuple(base + file.sid for file in files)
    carrier.ledger.file(text)
    carrier.hub.tell(partial(appeared, text))
    own_reply = keywords.obey(carrier, text)
    if own_reply:
        reply(carrier, text, own_reply, own=True)
    return text


def inbound_params(text: Text, files: list[Media], opt_out_type: str) -> Params:
    """The webhook's form, names and order as in tests/fixtures/inbound_*.form."""
    params = [(f"From{name}", value) for name, value in place_of(text.from_ or "", FROM_PLACE)]
    params += [(f"To{name}", value) for name, value in place_of(text.to, TO_PLACE)]
    params += [
        ("SmsMessageSid", text.sid),
        ("NumMedia", str(len(files))),
        ("SmsSid", text.sid),
        ("SmsStatus", "received"),
        ("Body", text.body),
        ("To", text.to),
    ]
    if text.service:
        params.append(("MessagingServiceSid", text.service))
    params += [
        ("NumSegments", str(text.segments)),
        ("ReferralNumMedia", "0"),
        ("MessageSid", text.sid),
        ("AccountSid", text.account),
        ("From", text.from_ or ""),
        ("ApiVersion", "2010-04-01"),
    ]
    for at, (file, url) in enumerate(zip(files, text.media, strict=True)):
        params += [(f"MediaContentType{at}", file.content_type), (f"MediaUrl{at}", url)]
    if opt_out_type:
        params.append(("OptOutType", opt_out_type))
    return params


def place_of(number: str, known: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Where a number is from: known in North America, empty elsewhere."""
    return [(name, value if number.startswith("+1") else "") for name, value in known]


async def deliver(carrier: Carrier, text: Text, files: list[Media], *, url: str, method: str, advanced: bool) -> Answer:
    """Call omega's webhook for an inbound text; what its TwiML answers appears on the handset."""
    kind = keywords.keyword_of(text.body) if advanced else ""
    params = inbound_params(text, files, kind)
    answer = await carrier.caller.call(url, params, carrier.accounts.signer(text.account), method)
    result = ("received", time.time(), answer.attempts, answer.status)
    text.reports += result
    carrier.hub.tell(partial(reported, text, result))
    if (text.to, text.from_) not in carrier.opted_out:
        for words, media in replies_in(answer):
            reply(carrier, text, words, media)
    return answer


def replies_in(answer: Answer) -> list[tuple[str, tuple[str, ...]]]:
    """The texts that an answer asks for: TwiML's <Message>, or all of a text/plain body (Twilio texts it)."""
    if answer.status is None or answer.status >= 400 or not answer.body.strip():
        return []
    if answer.content_type == "text/plain":
        return [(answer.body, ())]
    if answer.content_type not in XML:
        return []
    try:
        root = ET.fromstring(answer.body)  # noqa: S314 - from omega itself, on the same machine
    except ET.ParseError:
        return []
    return [_message(element) for element in root.iter("Message")]


def _message(element: ET.Element) -> tuple[str, tuple[str, ...]]:
    body = element.findtext("Body")
    words = (element.text or "").strip() if body is None else body
    return words, tuple((media.text or "").strip() for media in element.findall("Media"))


def reply(carrier: Carrier, text: Text, words: str, media: tuple[str, ...] = (), *, own: bool = False) -> Text:
    """Put an answer on the handset; omega's is evidence, Twilio's `own` is only in the account's record."""
    back = Text(sid=new_sid("SM"), account=text.account, from_=text.to, to=text.from_ or "", body=words)
    back.direction, back.status, back.sent_at = "outbound-reply", "delivered", back.at
    back.media, back.segments, back.service = media, segments_of(words), text.service
    if not own:
        carrier.ledger.accept(back)
    carrier.ledger.file(back)
    carrier.hub.tell(partial(appeared, back))
    return back


def summary(answer: Answer) -> dict[str, Any]:
    """The webhook's answer as the control call shows it."""
    return {"status": answer.status, "body": answer.body, "attempts": answer.attempts}
