"""In: the webhook row is the inbox (delivery.md). What a provider told us is stored first, then made use of.

An event is stored once, by its unique key; processing it again after a failure is safe. What comes by a business's own
account is that business's alone: it names no other one's number, message or call.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import structlog
from django.db import Error as DatabaseError
from django.db import OperationalError, transaction

from conversations.services.timeline import Gate
from messaging.models import WebhookEvent
from messaging.providers import twilio
from messaging.providers.base import IncomingText
from messaging.services import mail_intake, mail_receiving, receiving, settling, statuses, stored_mail
from omega_project.lib import failpoints, forms, sql, tracing
from omega_project.lib.clean import storable
from omega_project.lib.metrics import WEBHOOKS

log = structlog.get_logger(__name__)
MOST_ATTEMPTS = 8
# An event that ended its process this often is set aside: only a person tries it again.
MOST_DEATHS = 3
# What the metrics say of an event that had come before.
KNOWN = "known"

_STORE = """
INSERT INTO messaging_webhookevent (provider, kind, dedupe_key, url, content_type, headers, verdict, payload, status,
    error, attempts, next_attempt_at, message_id, business_id, received_at, processed_at)
SELECT %(ev_provider)s, %(ev_kind)s, %(ev_key)s, %(ev_url)s, %(ev_type)s, %(ev_headers)s::jsonb, %(ev_verdict)s,
    %(ev_payload)s, {status}, '', 0,
    {next_attempt}, {message}, {business}, COALESCE(%(ev_at)s::timestamptz, clock_timestamp()),
    clock_timestamp() {source}
ON CONFLICT (provider, dedupe_key) DO NOTHING RETURNING id
"""
_GATE_MESSAGE = _STORE.format(
    status="'processed'", next_attempt="NULL::timestamptz", message="input.new_id", business="input.business_id",
    source="FROM input",
)  # fmt: skip
_GATE_STATUS = _STORE.format(
    status="CASE WHEN EXISTS (SELECT 1 FROM found) THEN 'processed' ELSE 'pending' END",
    # Three seconds: our own commit may be on its way.
    next_attempt="CASE WHEN NOT EXISTS (SELECT 1 FROM found) THEN clock_timestamp() + interval '3 seconds' END",
    message="(SELECT id FROM found)", source="",
    business="COALESCE((SELECT business_id FROM found), %(ev_business)s::bigint)",
)  # fmt: skip
_KEEP = _STORE.format(
    status="'pending'", next_attempt="clock_timestamp()", message="NULL::bigint", business="%(ev_business)s::bigint",
    source="",
)  # fmt: skip
_DUE = """
UPDATE messaging_webhookevent e SET next_attempt_at = clock_timestamp() + make_interval(secs => 60)
FROM (
    SELECT id FROM messaging_webhookevent
    WHERE status IN ('pending', 'failed') AND next_attempt_at <= clock_timestamp()
        AND (kind = %(mail)s::text) = %(is_mail)s::bool
    ORDER BY next_attempt_at LIMIT %(limit)s::int FOR UPDATE SKIP LOCKED
) due WHERE e.id = due.id RETURNING e.id, e.begun
"""
# Written before an event is tried, in a transaction of its own: a try that ends its process leaves it behind.
_BEGUN = """
UPDATE messaging_webhookevent SET begun = GREATEST(0, LEAST(begun + %(more)s::int, 1000))
WHERE id = ANY(%(ids)s::bigint[])
"""
_SET_ASIDE = """
UPDATE messaging_webhookevent SET status = 'failed', error = %(error)s, next_attempt_at = NULL
WHERE id = ANY(%(ids)s::bigint[])
"""
_FINISHED = """
UPDATE messaging_webhookevent SET status = %(status)s, error = %(error)s, attempts = attempts + 1, begun = 0,
    next_attempt_at = clock_timestamp() + make_interval(secs => %(wait)s::float), processed_at = clock_timestamp(),
    message_id = COALESCE(%(message)s::bigint, message_id), business_id = COALESCE(%(business)s::bigint, business_id)
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Hook:
    """A verified call of a provider: its form, the bytes that it came in, and whose own account it came by.

    `at` is when it came, where that was some time ago; `verdict` by what it proved to be the provider's.
    """

    provider: str
    kind: str
    form: Mapping[str, str]
    payload: bytes
    url: str
    content_type: str
    query: Mapping[str, str]
    business_id: int | None = None
    at: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    verdict: str = ""

    def stored(self, key: str) -> dict[str, Any]:
        return {
            "ev_provider": self.provider,
            "ev_kind": self.kind,
            "ev_key": storable(key)[:255],
            "ev_url": storable(self.url)[:2048],
            "ev_type": storable(self.content_type)[:255],
            "ev_headers": orjson.dumps(self.headers).decode(),
            "ev_verdict": self.verdict,
            "ev_payload": self.payload,
            "ev_business": self.business_id,
            "ev_at": self.at,
        }


def count(hook: Hook, outcome: str) -> None:
    """Count what came of a provider's call, for the metrics."""
    WEBHOOKS.labels(hook.provider, hook.kind, outcome).inc()


def gate(hook: Hook, key: str, *, beside: str = "", params: Mapping[str, Any] | None = None) -> Gate:
    """The event's own row as the gate of the one message that it makes: both are stored, or neither."""
    return Gate(_GATE_MESSAGE, hook.stored(key) | dict(params or {}), beside)


def take_text(hook: Hook) -> str:
    """Store and record an incoming text; the text to answer with, empty mostly. A repeated call changes nothing."""
    key = _text_key(hook)
    try:
        where = receiving.place(_text_of(hook), hook.business_id)
        if where.is_plain:
            is_new = sql.retried(lambda: receiving.append_plain(where, gate(hook, key), hook.provider))
            count(hook, "processed" if is_new else KNOWN)
            return ""
    except (ValueError, receiving.UnknownReceiver):
        pass  # stored and marked below, like whatever else cannot be recorded at once
    except OperationalError:
        raise
    except DatabaseError as error:
        log.warning("intake.slow_path", error=str(error).split("\n")[0])
    return sql.in_transaction(lambda: _store_and_process(hook, key))


def take_listed(provider: str, form: Mapping[str, str]) -> None:
    """Store and record a text that only the provider's own record told us of; its webhook, should it come, is known.

    Stored by itself first: where its processing ends this process, it is not listed, and processed, for ever.
    """
    payload = urlencode(form).encode()
    content_type = "application/x-www-form-urlencoded"
    hook = Hook(provider, "sms.reply", form, payload, "", content_type, {}, verdict="asked")
    event_id = sql.in_transaction(lambda: keep_event(hook, text_key(form["MessageSid"])))
    if event_id:
        replay_event(event_id=event_id)


def text_key(sid: str) -> str:
    """What tells one incoming text from another, by whichever way we hear of it."""
    return f"text:{sid}"


def _text_key(hook: Hook) -> str:
    sid = hook.form.get("MessageSid") or hook.form.get("SmsSid") or ""
    return text_key(sid or forms.digest(hook.payload))


def take(hook: Hook, key: str) -> str:
    """Store an event of any registered kind and process it: what its processor answers.

    Empty where the event was known by its key, and where processing failed: then it stays, with its error.
    """
    return sql.in_transaction(lambda: _store_and_process(hook, key))


def _store_and_process(hook: Hook, key: str) -> str:
    event_id = keep_event(hook, key)
    answer = process_event(event_id=event_id) if event_id else ""
    failpoints.hit("webhook.before_commit", hook.kind)
    return answer


def keep_event(hook: Hook, key: str) -> int | None:
    """Store an event to be processed; its id, or None where it was known already. In a transaction."""
    stored = sql.row(_KEEP, hook.stored(key))
    if stored is None:
        count(hook, KNOWN)
    return int(stored["id"]) if stored else None


def take_status(hook: Hook) -> None:
    """Store and apply a delivery receipt; one for a message that is not known yet is kept and tried again."""
    report = status_report(hook)
    key = (
        f"status:{report.provider_message_id}:{hook.form.get('MessageStatus', '')}:{report.error_code}:{report.attempt}"
    )
    if not report.provider_message_id and not report.message_id:
        key = f"status:{forms.digest(hook.payload)}"
    applied = statuses.apply_report(report, Gate(_GATE_STATUS, hook.stored(key)))
    count(hook, KNOWN if not applied.fresh else "pending" if applied.message_id is None else "processed")


def status_report(hook: Hook) -> statuses.Report:
    """The receipt in a hook; our own message id and attempt ride in its URL (providers.md, 3)."""
    found = twilio.read_status(hook.form)
    return statuses.Report(
        status=found.status or "unheard_of",
        message_id=forms.number(hook.query.get("mid")),
        attempt=forms.number(hook.query.get("a"), most=32767) or 0,
        provider_message_id=found.provider_message_id[:128],
        provider=hook.provider,
        error_code=found.error_code,
        source=hook.provider,
        business_id=hook.business_id,
    )


def process_event(*, event_id: int) -> str:
    """Make use of a stored event, in a savepoint: where that fails the event stays, with its error. In a transaction.

    Gives the text to answer with. Used by the hook itself, by the sweep and by an operator's replay.
    """
    event = WebhookEvent.objects.select_for_update().get(pk=event_id)
    with tracing.span("webhook.process", webhook_kind=event.kind, webhook_id=event.pk) as span:
        return _process(event, span)


def _process(event: WebhookEvent, span: tracing.Span | None) -> str:
    try:
        with transaction.atomic():
            hook = _hook_of(event)
            failpoints.hit("event.processing", hook.form.get("Body", ""))
            message_id, business_id, answer = _PROCESSORS[event.kind](hook)
    except OperationalError:
        raise
    except Ignored as reason:
        _finish(event, "ignored", str(reason))
        return ""
    except Exception as error:
        _finish(event, "failed", _sentence(error), wait=_wait(event, error))
        if span is not None:
            span.fail()
        return ""
    _finish(event, "processed", "", message=message_id, business=business_id)
    return answer


class Ignored(Exception):
    """The event changes nothing, by its own nature: the sentence says why. It is kept."""


class NotYet(Exception):
    """What the event speaks of is not known: it may still come, so that the event is tried again."""


# What came of an event: its message, its business, and the text to answer with.
Outcome = tuple[int | None, int | None, str]
Processor = Callable[[Hook], Outcome]


def _text_of(hook: Hook) -> IncomingText:
    """The text in a hook; one that waited (in the spool, or for its number to be known) stands where it came."""
    text = twilio.read_text(hook.form)
    return replace(text, at=hook.at) if hook.at and not text.at else text


def _process_text(hook: Hook) -> Outcome:
    where = receiving.place(_text_of(hook), hook.business_id)
    message_id, answer = receiving.receive(where, hook.provider)
    return message_id, where.row["business_id"], answer


def _process_status(hook: Hook) -> Outcome:
    applied = statuses.apply_report(status_report(hook))
    if applied.message_id is None:
        raise NotYet("No message of ours is known by this report's ids.")
    return applied.message_id, None, ""


def _process_mail(hook: Hook) -> Outcome:
    try:
        found = mail_receiving.receive_stored(stored=stored_mail.read_payload(hook.payload), provider=hook.provider)
    except mail_receiving.NotForAnybody as reason:
        raise Ignored(str(reason)) from reason
    return *found, ""


_PROCESSORS: dict[str, Processor] = {
    "sms.reply": _process_text,
    "sms.status": _process_status,
    stored_mail.KIND: _process_mail,
}


def register(kind: str, process: Processor) -> None:
    """Let events of a kind be processed by `process`: how an app above this one has its own stored and replayed."""
    _PROCESSORS[kind] = process


def _hook_of(event: WebhookEvent) -> Hook:
    kept = {name: getattr(event, name) for name in ("provider", "kind", "url", "content_type", "business_id")}
    return hook_again(**kept, payload=bytes(event.payload), at=event.received_at)


def hook_again(*, payload: bytes, url: str, content_type: str, **fields: Any) -> Hook:
    """A hook out of what was kept of it."""
    form = {} if "json" in content_type else forms.parse(payload, content_type)[0]
    query = forms.query_of(url)
    return Hook(form=form, payload=payload, url=url, content_type=content_type, query=query, **fields)


def _sentence(error: Exception) -> str:
    known = isinstance(error, (ValueError, receiving.UnknownReceiver, NotYet)) and str(error)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _wait(event: WebhookEvent, error: Exception) -> float | None:
    """Seconds until the next try; None where the budget is used up or only a person can help."""
    if isinstance(error, (ValueError, receiving.UnknownReceiver)) or event.attempts + 1 >= MOST_ATTEMPTS:
        return None
    return settling.next_try(event.attempts + 1)


def _finish(
    event: WebhookEvent,
    status: str,
    error: str,
    *,
    wait: float | None = None,
    message: int | None = None,
    business: int | None = None,
) -> None:
    WEBHOOKS.labels(event.provider, event.kind, status).inc()
    sql.rows(
        _FINISHED,
        {"status": status, "error": error, "wait": wait, "message": message, "business": business, "id": event.pk},
    )


def retry_due(*, limit: int = 200) -> int:
    """Process the events whose time has come; how many. Those of mails go many at a time.

    What a process died over goes alone, and is set aside after three deaths: it holds up no other.
    """
    texts = sql.rows(_DUE, {"limit": limit, "mail": mail_intake.KIND, "is_mail": False})
    mails = sql.rows(_DUE, {"limit": mail_intake.CHUNK, "mail": mail_intake.KIND, "is_mail": True})
    _set_aside([row["id"] for row in (*texts, *mails) if row["begun"] >= MOST_DEATHS])
    together = [row["id"] for row in mails if not row["begun"]]
    if together:
        with _begun(together):
            mail_intake.replay(together)
    for row in (*texts, *(row for row in mails if row["begun"])):
        if row["begun"] < MOST_DEATHS:
            replay_event(event_id=row["id"])
    return len(texts) + len(mails)


@contextmanager
def _begun(event_ids: list[int]) -> Iterator[None]:
    """Leaves a mark at events that end this process. A database that goes away meanwhile is not their doing."""
    sql.rows(_BEGUN, {"ids": event_ids, "more": 1})
    try:
        yield
    except Exception:
        with suppress(DatabaseError):
            sql.rows(_BEGUN, {"ids": event_ids, "more": -1})
        raise


def _set_aside(event_ids: list[int]) -> None:
    if event_ids:
        log.error("intake.set_aside", events=event_ids[:20])
        error = f"Set aside: its processing ended the process {MOST_DEATHS} times."
        sql.rows(_SET_ASIDE, {"ids": event_ids, "error": error})


def replay_event(*, event_id: int) -> None:
    """Process one stored event again, whatever became of it before: known messages stay as they are."""

    def work() -> None:
        process_event(event_id=event_id)

    with _begun([event_id]):
        if WebhookEvent.objects.filter(pk=event_id, kind=mail_intake.KIND).exists():
            mail_intake.replay([event_id])
        else:
            sql.in_transaction(work)


def process_waiting(*, event_id: int) -> None:
    """Process one event that waits, for a job: nothing where the sweep was quicker."""
    if WebhookEvent.objects.filter(pk=event_id, status="pending").exists():
        replay_event(event_id=event_id)


def retry_failed(*, business_id: int | None, limit: int, channel: str | None = None) -> int:
    """Process failed events again, of one business or of all, of one channel or of all; how many."""
    failed = WebhookEvent.objects.filter(status="failed")
    if business_id is not None:
        failed = failed.filter(business_id=business_id)
    if channel is not None:
        failed = failed.filter(kind__startswith=f"{channel}.")
    ids = list(failed.order_by("-id").values_list("pk", flat=True)[:limit])
    for event_id in ids:
        replay_event(event_id=event_id)
    return len(ids)
