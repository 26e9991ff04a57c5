"""Where host platforms want to be told what changes: endpoints added, changed and removed, deliveries replayed."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Business
from conversations.services import changes
from conversations.services.reading import Narrowing, Order, Source, page_rows
from messaging.models import WebhookDelivery, WebhookEndpoint
from messaging.services import wakeup
from messaging.services.webhook_signing import new_secret
from omega_project.lib import http, sealing, sql
from omega_project.lib.api.errors import Conflict, parameter_error
from omega_project.lib.api.pagination import Cursor

MOST_ENDPOINTS = 20
# For so long after a new secret was made the one before it signs too: the receiver has time to change over.
BOTH_SIGN = timedelta(days=1)
MOST_REPLAYED = 1000

BY_ID = Order("e.id", "bigint", descending=False, tie="e.id")
NEWEST_FIRST = Order("d.id", "bigint", descending=True, tie="d.id")
_ENDPOINTS = """
SELECT e.id, e.business_id, e.url, e.description, e.events, e.is_enabled, e.disabled_reason, e.failing_since,
    e.created_at, e.updated_at,
    (SELECT count(*)::int FROM (SELECT 1 FROM messaging_webhookdelivery d
     WHERE d.endpoint_id = e.id AND d.status = 'pending' LIMIT 1000) x) AS pending {extra}
FROM page e ORDER BY {order}
"""
ENDPOINTS = Source("messaging_webhookendpoint e", "e.*", "e.*", _ENDPOINTS)
_DELIVERIES = """
SELECT d.id, d.business_id, d.endpoint_id, d.webhook_id, d.type, d.status, d.attempts, d.response_status, d.response,
    d.error, d.milliseconds, d.payload, d.created_at, d.attempted_at, d.delivered_at,
    CASE WHEN d.status = 'pending' AND e.is_enabled THEN e.due_at END AS due_at {extra}
FROM page d JOIN messaging_webhookendpoint e ON e.id = d.endpoint_id ORDER BY {order}
"""
DELIVERIES = Source("messaging_webhookdelivery d", "d.*", "d.*", _DELIVERIES)
_REPLAY = """
WITH chosen AS (
    SELECT d.id FROM messaging_webhookdelivery d WHERE {where} AND d.status <> 'pending'
    ORDER BY d.id LIMIT %(most)s::int FOR UPDATE
)
UPDATE messaging_webhookdelivery d SET status = 'pending', tries = 0, delivered_at = NULL
FROM chosen WHERE d.id = chosen.id RETURNING d.id
"""


@dataclass(slots=True)
class Replay:
    """Which of an endpoint's deliveries to send again; all filters together, oldest first."""

    endpoint_id: int
    status: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    limit: int = MOST_REPLAYED


def require_reachable(url: str) -> None:
    """422 where nothing could be delivered to `url`: no HTTPS, or an address inside a private network.

    A name is looked up at each delivery; what stands here is only what can be seen at once.
    """
    try:
        parts = http.checked_url(url)
    except http.FetchError:
        raise parameter_error("url", "must be an https URL") from None
    if settings.WEBHOOKS_TO_PRIVATE_ADDRESSES:
        return
    if parts.scheme != "https":
        raise parameter_error("url", "must be an https URL")
    if _is_private(urlsplit(url).hostname or ""):
        raise parameter_error("url", "must not be an address inside a private network")


def _is_private(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        ipaddress.ip_address(name)
        http.address_of(name, 443, private_is_fine=False)
    except ValueError:
        return False  # a name: it is looked up when something is to be delivered
    except http.FetchError:
        return True
    return False


def add_endpoint(*, business_id: int, url: str, events: list[str], description: str) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, told of what changes from now on; and its secret, which is never shown again.

    422 for a URL that cannot be reached, 409 `too_many_endpoints`.
    """
    require_reachable(url)
    secret = new_secret()
    position = changes.end(business_id)
    with transaction.atomic():
        Business.objects.select_for_update(no_key=True).get(pk=business_id)
        if WebhookEndpoint.objects.in_business(business_id).count() >= MOST_ENDPOINTS:
            raise Conflict(f"A business has at most {MOST_ENDPOINTS} endpoints.", "too_many_endpoints")
        made = WebhookEndpoint.objects.create(
            business_id=business_id, url=url, events=_ordered(events), description=description,
            secrets=sealing.seal({"now": secret}), position=position, due_at=timezone.now(),
        )  # fmt: skip
    return made, secret


def _ordered(events: list[str]) -> list[str]:
    return sorted(set(events))


def change_endpoint(endpoint: WebhookEndpoint, **given: Any) -> WebhookEndpoint:
    """The endpoint with these values. Switched on again, it goes on where it stopped, at once."""
    if "url" in given:
        require_reachable(given["url"])
    if "events" in given:
        given["events"] = _ordered(given["events"])
    if given.get("is_enabled") or "url" in given:
        given |= {"due_at": timezone.now(), "failing_since": None}
    if given.get("is_enabled"):
        given["disabled_reason"] = ""
        WebhookDelivery.objects.filter(endpoint=endpoint, status=WebhookDelivery.Status.PENDING).update(tries=0)
    if given:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**given, updated_at=timezone.now())
        wakeup.wake_push()
    endpoint.refresh_from_db()
    return endpoint


def rotate_secret(endpoint: WebhookEndpoint) -> tuple[str, datetime]:
    """A new secret, shown this once, and until when the one before it signs beside it."""
    secret, now = new_secret(), timezone.now()
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        before = sealing.unseal(locked.secrets)["now"]
        sealed = sealing.seal({"now": secret, "before": before})
        WebhookEndpoint.objects.filter(pk=locked.pk).update(secrets=sealed, rotated_at=now, updated_at=now)
    return secret, now + BOTH_SIGN


def signers_of(sealed: bytes, rotated_at: datetime | None) -> list[str]:
    """The secrets that sign now, the newest first. Raises sealing.CannotOpen."""
    opened = sealing.unseal(sealed)
    both = "before" in opened and rotated_at is not None and timezone.now() < rotated_at + BOTH_SIGN
    return [opened["now"], opened["before"]] if both else [opened["now"]]


def remove_endpoint(endpoint: WebhookEndpoint) -> None:
    """The endpoint and its deliveries, gone."""
    endpoint.delete()


def replay_delivery(delivery: WebhookDelivery) -> None:
    """Send it again as it was, under the id that it had; at its place, before what is younger."""
    _replay("d.id = %(id)s::bigint", {"id": delivery.pk}, delivery.endpoint_id)


def replay_deliveries(wanted: Replay) -> int:
    """Send an endpoint's deliveries again, in their order; how many."""
    where, params = ["d.endpoint_id = %(endpoint)s::bigint"], {"endpoint": wanted.endpoint_id, "most": wanted.limit}
    conditions: list[tuple[str, str, Any]] = [
        ("d.status = %(status)s::text", "status", wanted.status),
        ("d.created_at >= %(after)s::timestamptz", "after", wanted.after),
        ("d.created_at <= %(before)s::timestamptz", "before", wanted.before),
    ]
    for condition, name, value in conditions:
        if value is not None:
            where.append(condition)
            params[name] = value
    return _replay(" AND ".join(where), params, wanted.endpoint_id)


def _replay(where: str, params: dict[str, Any], endpoint_id: int) -> int:
    done = sql.in_transaction(lambda: sql.rows(_REPLAY.format(where=where), {"most": 1} | params))
    if done:
        WebhookEndpoint.objects.filter(pk=endpoint_id).update(due_at=timezone.now())
        wakeup.wake_push()
    return len(done)


def endpoints_of(business_id: int) -> Narrowing:
    return Narrowing(["e.business_id = %(business)s::bigint"], {"business": business_id})


def endpoint_rows(narrowing: Narrowing, *, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` endpoints, each with how many of its deliveries wait (a thousand at the most)."""
    return page_rows(ENDPOINTS, narrowing, BY_ID, limit=limit, cursor=cursor)


def deliveries_of(business_id: int, **given: Any) -> Narrowing:
    """The business's deliveries by `endpoint_id`, `status` and `type`."""
    found = Narrowing(["d.business_id = %(business)s::bigint"], {"business": business_id})
    kinds = {"endpoint_id": "bigint", "status": "text", "type": "text", "id": "bigint"}
    for name, value in given.items():
        if value is not None:
            found.add(f"d.{name} = %({name})s::{kinds[name]}", **{name: value})
    found.plan_anew = bool(given)
    return found


def delivery_rows(narrowing: Narrowing, *, limit: int, cursor: Cursor | None = None) -> list[dict[str, Any]]:
    """`limit` deliveries, newest first."""
    return page_rows(DELIVERIES, narrowing, NEWEST_FIRST, limit=limit, cursor=cursor)
