"""In: a client's mail becomes a message in the client's one conversation; held where it is not surely theirs."""

import hashlib
from dataclasses import dataclass
from typing import IO, Any

from accounts.models import Client
from conversations.services.threads import ensure_conversation, note_reopening
from conversations.services.timeline import NewMessage, append_messages, new_request_id
from messaging.mail.authentication import Results, from_headers
from messaging.mail.letter import Letter, read_letter
from messaging.models import Email
from messaging.providers.arrived_mail import ArrivedMail
from messaging.services import mail_sources, parties
from messaging.services.mail_places import FORGED_SENDER, Place, Question, is_own_address, places
from messaging.services.provider_posts import read_mails
from messaging.services.reply_tokens import read_message_id
from messaging.services.stored_mail import StoredMail, stored_of
from omega_project.lib import sql
from omega_project.lib.addresses import normalise_email
from omega_project.lib.clean import storable

_KNOWN = """
SELECT id, from_address, metadata->>'date' AS date FROM conversations_message
WHERE provider_message_id = %(sid)s AND business_id = %(business)s AND provider = %(provider)s
"""
_MOST_COPIES = 100


class NotForAnybody(Exception):
    """A mail that belongs in no conversation, nor ever will: a loop's, or a bounce of nothing that is known."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail with all that is known of it before anybody's conversation is looked at."""

    letter: Letter
    stored: StoredMail
    provider: str
    sender: str
    automatic: str
    verdict: str
    results: Results

    @property
    def date(self) -> str:
        return self.letter.date.isoformat() if self.letter.date else ""


def receive_stored(*, stored: StoredMail, provider: str) -> tuple[int, int]:
    """As `receive_mail`, of a mail that was kept, or of the mails in a post. ValueError where the file is gone."""
    try:
        source = mail_sources.open_source(stored.file)
    except FileNotFoundError as error:
        raise ValueError("The file of this mail is no longer there.") from error
    with source:
        if stored.form == "mail":
            return receive_mail(stored=stored, source=source, provider=provider)
        done = [_receive_kept(mail, provider) for mail in read_mails(source, stored.content_type, provider)]
        return done[0]


def _receive_kept(mail: ArrivedMail, provider: str) -> tuple[int, int]:
    """A mail out of a post: it becomes a file of its own, which its message names."""
    with mail.file as file:
        name = mail_sources.keep_source(file)
        try:
            return receive_mail(stored=stored_of(mail, name), source=file, provider=provider)
        except BaseException:
            mail_sources.forget([name])
            raise


def receive_mail(*, stored: StoredMail, source: IO[bytes], provider: str) -> tuple[int, int]:
    """Append the mail in `source` to the conversation it belongs in, of each business it was sent to.

    Gives the first message's id and business. A mail that is known already stays as it is. Raises UnknownReceiver,
    NotForAnybody, ValueError: each with a sentence for people. Call in a transaction.
    """
    arrival = _arrival(read_letter(source), stored, provider)
    letter = arrival.letter
    if letter.message_id and read_message_id(letter.message_id) is not None:
        raise NotForAnybody("It is a mail of our own that came back: it is kept here, and answers nobody.")
    receivers = stored.envelope_to or [*letter.to, *letter.cc]
    question = Question(arrival.sender, letter, arrival.automatic == "bounce")
    done, reasons = list[tuple[int, int]](), list[NotForAnybody]()
    for place in places(question, receivers):
        try:
            done.append(_receive_at(place, arrival, source))
        except NotForAnybody as reason:
            reasons.append(reason)
    if not done:
        raise reasons[0]
    return done[0]


def _arrival(letter: Letter, stored: StoredMail, provider: str) -> Arrival:
    sender = _sender(letter, stored.envelope_from)
    automatic = letter.why_automatic(stored.envelope_from)
    if not sender and not automatic:
        raise ValueError("The mail names nobody whom it is from.")
    results = stored.authentication or from_headers(letter.headers)
    verdict = results.verdict(sender, stored.envelope_from or "")
    return Arrival(letter, stored, provider, sender, automatic, verdict, results)


def _sender(letter: Letter, envelope_from: str | None) -> str:
    """Who wrote it: the From, which people see; without one the envelope's sender."""
    for address in (letter.from_address, envelope_from or ""):
        try:
            return normalise_email(address)
        except ValueError:
            continue
    return ""


def _receive_at(place: Place, arrival: Arrival, source: IO[bytes]) -> tuple[int, int]:
    if arrival.sender and is_own_address(arrival.sender, place.business_id):
        raise NotForAnybody(f"It is from {arrival.sender}, an address of our own: it is kept here, and answers nobody.")
    sid, known = _identity(place, arrival)
    if known is not None:
        return known, place.business_id
    if place.client_id is None and (not arrival.sender or arrival.automatic == "bounce"):
        raise NotForAnybody("It is a bounce that names no conversation of ours: it is kept here.")
    with mail_sources.kept_attachments(source, arrival.letter.files) as files:
        message_id = _append(_with_client(place, arrival), arrival, sid, files)
    return message_id, place.business_id


def _identity(place: Place, arrival: Arrival) -> tuple[str, int | None]:
    """The mail's name in its business, and the message that stands for it already.

    It is the Message-ID, unless another mail has the same one: some devices write one for ever.
    """
    own = arrival.letter.message_id
    parts = "\0".join([own, arrival.date, arrival.sender, "" if own else arrival.stored.digest])
    digest = "sha256:" + hashlib.sha256(storable(parts).encode()).hexdigest()
    for sid in [own, digest] if 0 < len(own) <= 128 and arrival.stored.is_whole else [digest]:
        params = {"sid": sid, "business": place.business_id, "provider": arrival.provider}
        known = sql.row(_KNOWN, params)
        if known is None:
            return sid, None
        if sid == digest or (known["from_address"] == arrival.sender[:254] and known["date"] in (None, arrival.date)):
            return sid, int(known["id"])
    return digest, None


def _with_client(place: Place, arrival: Arrival) -> Place:
    """The place with its client and conversation, made where there are none."""
    client_id, held = place.client_id, place.held
    if client_id is None:
        client_id = _new_client(place.business_id, arrival)
    elif not held and arrival.verdict == "fail":
        held = FORGED_SENDER
    conversation_id = place.conversation_id
    if conversation_id is None:
        conversation_id, _ = ensure_conversation(business_id=place.business_id, client_id=client_id)
    return Place(
        place.business_id, place.to, place.how, client_id, conversation_id, place.is_blocked, place.sender_id, held
    )


def _new_client(business_id: int, arrival: Arrival) -> int:
    """The client who wrote, by the name that the mail gives them. Who is known meanwhile keeps theirs."""
    client_id = parties.client_by_email(business_id=business_id, email=arrival.sender)
    first, _, last = arrival.letter.from_name.rpartition(" ")
    nameless = Client.objects.filter(pk=client_id, first_name="", last_name="", external_id=None)
    if arrival.letter.from_name and "@" not in arrival.letter.from_name:
        nameless.update(first_name=(first or last)[:255], last_name=last[:255] if first else "")
    return client_id


def _append(place: Place, arrival: Arrival, sid: str, files: list[dict[str, Any]]) -> int:
    message = _message(place, arrival, sid, len(files))
    if message.counts and not message.is_read:
        note_reopening(message.conversation_id)
    stored = append_messages([message]).get(0)
    if stored is None:
        raise RuntimeError("The same mail is being taken in at this moment.")
    _note_mail(stored["id"], place, arrival)
    mail_sources.attach(stored["id"], files)
    return int(stored["id"])


def _message(place: Place, arrival: Arrival, sid: str, files: int) -> NewMessage:
    letter = arrival.letter
    if place.client_id is None or place.conversation_id is None:
        raise RuntimeError("A mail without a conversation.")
    return NewMessage(
        business_id=place.business_id,
        conversation_id=place.conversation_id,
        client_id=place.client_id,
        channel="email",
        direction="inbound",
        status="received",
        request_id=new_request_id(),  # its own id tells one from another; a caller's request_id never hides one
        body=storable(letter.reply),
        subject=storable(letter.subject),
        html=storable(letter.html),
        from_address=arrival.sender[:254],
        to_address=place.to[:254],
        cc=_copies(letter, place.to),
        sender_id=place.sender_id,
        provider=arrival.provider,
        provider_message_id=sid,
        media_count=files,
        is_read=place.is_blocked or bool(arrival.automatic),
        counts=not place.held and not arrival.automatic,
        decision={"threaded_by": place.how},
        metadata=_metadata(place, arrival),
    )


def _copies(letter: Letter, own: str) -> list[str]:
    others = [one for one in [*letter.to, *letter.cc] if one != own]
    return [storable(one)[:254] for one in dict.fromkeys(others)][:_MOST_COPIES]


def _metadata(place: Place, arrival: Arrival) -> dict[str, Any]:
    """What there is to say of the mail beside its words; `inline`: the place in `media` of each picture in it."""
    letter, stored = arrival.letter, arrival.stored
    inline = {storable(file.content_id): at for at, file in enumerate(letter.files) if file.content_id}
    found = {
        "held": place.held,
        "automatic": arrival.automatic,
        "from_name": storable(letter.from_name),
        "date": arrival.date,
        "inline": inline,
        "incomplete": not (letter.is_whole and stored.is_whole),
    }
    kept: dict[str, Any] = {name: value for name, value in found.items() if value}
    return kept | {"authentication": arrival.results.facts(arrival.verdict)}


def _note_mail(message_id: int, place: Place, arrival: Arrival) -> None:
    letter, stored = arrival.letter, arrival.stored
    Email.objects.create(
        message_id=message_id,
        rfc_message_id=storable(letter.message_id),
        in_reply_to=storable((letter.in_reply_to or [""])[0])[:998],
        references=[storable(one)[:998] for one in letter.references],
        reply_to=storable(letter.reply_to)[:254],
        full_text=storable(letter.text),
        envelope_from=storable(stored.envelope_from or "")[:320],
        envelope_to=place.to[:320],
        is_automatic=bool(arrival.automatic),
        held_from=(arrival.sender or letter.from_address or "nobody")[:320] if place.held else "",
        source=stored.file,
    )
