"""Two clients made one, and two again: one transaction with both clients and both conversations locked in id order.

The rules:
- The merged client stays as a row, marked `merged_into`, out of every list. Its phone and e-mail leave the row: the
  kept client takes each where it has none, else the address becomes one more of its own (ClientAddress). So what
  comes in from either is the kept client's. Its external id goes along where the kept client has none.
- Consent stays with its address: an address that the kept client takes over brings its state, an opt-out of either
  wins. An address beside its own keeps its state in messaging's ledger and changes nothing of the kept client's.
- All of the timeline moves, what is on its way included: a message is sent by its own row, to its own address.
- Undoing gives back what was moved and what was changed, where nobody has changed it since. What came after the merge
  stays with the kept client.
- A writer that had looked up the merged conversation before the merge leaves a straggler there; `carry_stragglers`
  brings it to the kept one.
"""

from typing import Any

from django.utils import timezone

from accounts.models import Client, ClientAddress
from accounts.services.address_changes import tell_changed
from conversations.models import ClientMerge, Conversation
from conversations.services import moving
from conversations.services.threads import ensure_conversation, write_activity
from omega_project.lib import sql
from omega_project.lib.api.errors import Conflict, NotFound, parameter_error

_FILLED = ("timezone", "locale", "home_location_id")
_NAMES = ("first_name", "last_name")
_ADDRESSES = {"phone": ("consent_sms", "consent_voice"), "email": ("consent_email",)}
# What a merge may change on the kept client, and takes from the merged one.
_KEPT = ("external_id", *_NAMES, *_ADDRESSES, *_FILLED, "tags", "is_blocked", "consent_sms", "consent_voice",
         "consent_email")  # fmt: skip
_GIVEN = ("external_id", *_ADDRESSES)
_OPTED_OUT = "opted_out"


def merge_clients(*, kept: Client, merged: Client, actor_id: int | None = None) -> ClientMerge:
    """Make `merged` a part of `kept`, of the same business. `undo_merge` takes it back.

    422 for the client itself, 404 for a client of another business, 409 `already_merged` where either is merged.
    """
    if kept.pk == merged.pk:
        raise parameter_error("client_id", "is the client itself: name the other one")
    if kept.business_id != merged.business_id:
        raise NotFound("There is no such client in this business.")
    return sql.in_transaction(lambda: _merge(kept.pk, merged.pk, actor_id))


def _locked(*ids: int) -> list[Client]:
    rows = {row.pk: row for row in Client.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")}
    if len(rows) < len(set(ids)):
        raise NotFound("There is no such client in this business.")
    return [rows[pk] for pk in ids]


def _merge(kept_id: int, merged_id: int, actor_id: int | None) -> ClientMerge:
    kept, merged = _locked(kept_id, merged_id)
    for client in (kept, merged):
        if client.merged_into_id is not None:
            sentence = f"Client {client.pk} was merged into client {client.merged_into_id} already."
            raise Conflict(sentence, "already_merged", merged_into=client.merged_into_id)
    merge = ClientMerge(business_id=kept.business_id, kept=kept, merged=merged, actor_id=actor_id)
    merge.before = {"kept": _columns(kept, _KEPT), "merged": _columns(merged, (*_GIVEN, *_KEPT))}
    changes = _combined(kept, merged)
    _set_client(merged, {"external_id": _left_over(kept, merged), "phone": "", "email": "", "merged_into_id": kept.pk})
    _set_client(kept, changes)
    merge.after = {"kept": _columns(kept, _KEPT)}
    _take_addresses(merge, changes)
    _join_threads(merge, kept, merged)
    merge.save()
    return merge


def _columns(client: Client, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(client, name) for name in names}


def _set_client(client: Client, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(client, name, value)
    Client.objects.filter(pk=client.pk).update(**values, updated_at=timezone.now())


def _left_over(kept: Client, merged: Client) -> str | None:
    """The external id that stays on the merged row: one that the kept client has no room for."""
    return merged.external_id if kept.external_id is not None else None


def _combined(kept: Client, merged: Client) -> dict[str, Any]:
    """What the kept client becomes by the merged one."""
    found: dict[str, Any] = {name: getattr(kept, name) or getattr(merged, name) for name in _FILLED}
    if not any(getattr(kept, name) for name in _NAMES):
        found |= _columns(merged, _NAMES)
    if kept.external_id is None:
        found["external_id"] = merged.external_id
    found["tags"] = list(dict.fromkeys([*kept.tags, *merged.tags]))
    found["is_blocked"] = kept.is_blocked or merged.is_blocked
    for address, channels in _ADDRESSES.items():
        found |= _address(kept, merged, address, channels)
    return found


def _address(kept: Client, merged: Client, address: str, channels: tuple[str, ...]) -> dict[str, Any]:
    own, other = getattr(kept, address), getattr(merged, address)
    if not other or (own and own != other):
        return {}
    found = {address: other}
    for column in channels:
        opted_out = _OPTED_OUT in (getattr(kept, column), getattr(merged, column))
        found[column] = _OPTED_OUT if opted_out else getattr(merged, column)
    return found


def _take_addresses(merge: ClientMerge, changes: dict[str, Any]) -> None:
    """The merged client's other addresses become the kept one's, and so does an address that found no room."""
    mine = ClientAddress.objects.filter(client_id=merge.merged_id)
    moved = list(mine.exclude(address__in=_addresses_of(merge.kept_id)).values_list("pk", flat=True))
    ClientAddress.objects.filter(pk__in=moved).update(client_id=merge.kept_id)
    merge.address_ids = moved
    made = []
    for kind in _ADDRESSES:
        address = merge.before["merged"][kind]
        if address and kind not in changes:
            made.append(_add_address(merge, kind, address))
    merge.after["made_address_ids"] = [pk for pk in made if pk]


def _addresses_of(client_id: int) -> list[str]:
    return list(ClientAddress.objects.filter(client_id=client_id).values_list("address", flat=True))


def _add_address(merge: ClientMerge, kind: str, address: str) -> int | None:
    row, is_new = ClientAddress.objects.get_or_create(
        business_id=merge.business_id, client_id=merge.kept_id, kind=kind, address=address
    )
    return row.pk if is_new else None


def _join_threads(merge: ClientMerge, kept: Client, merged: Client) -> None:
    other = Conversation.objects.filter(client_id=merged.pk).first()
    if other is None:
        return
    own_id, made = ensure_conversation(business_id=kept.business_id, client_id=kept.pk)
    own, other = moving.locked_threads(own_id, other.pk)
    merge.before["threads"] = {"kept": moving.facts_of(own), "merged": moving.facts_of(other), "made": made}
    merge.message_ids = moving.move_messages(other.pk, own)
    merge.entry_ids = moving.move_entries(other.pk, own.pk)
    moving.join(own, other, made=made)
    merge.after["threads"] = {"kept": moving.facts_of(Conversation.objects.get(pk=own.pk))}
    name = merged.name or merge.before["merged"]["phone"] or merge.before["merged"]["email"] or f"client {merged.pk}"
    text = f"Merged with {name}: {len(merge.message_ids)} messages"
    write_activity(own, "merge", text, merge.actor_id, merged_client_id=merged.pk)


def undo_merge(merge: ClientMerge, *, actor_id: int | None = None) -> None:
    """Make two of one again: what the merge moved goes back, what came since stays.

    409 `already_undone`; 409 `already_merged` where the kept client has itself been merged since; 409
    `external_id_taken` where another client has got the external id meanwhile.
    """
    sql.in_transaction(lambda: _undo(merge.pk, actor_id))


def _undo(merge_id: int, actor_id: int | None) -> None:
    merge = ClientMerge.objects.get(pk=merge_id)
    kept, merged = _locked(merge.kept_id, merge.merged_id)
    merge.refresh_from_db()
    _require_undoable(merge, kept)
    _part_clients(merge, kept, merged)
    ClientAddress.objects.filter(pk__in=merge.after["made_address_ids"], client_id=kept.pk).delete()
    ClientAddress.objects.filter(pk__in=merge.address_ids, client_id=kept.pk).update(client_id=merged.pk)
    if "threads" in merge.before:
        _part_threads(merge, actor_id)
    ClientMerge.objects.filter(pk=merge.pk).update(undone_at=timezone.now(), undone_by_id=actor_id)


def _require_undoable(merge: ClientMerge, kept: Client) -> None:
    if merge.undone_at is not None:
        raise Conflict("This merge was undone already.", "already_undone")
    if kept.merged_into_id is not None:
        sentence = f"Client {kept.pk} was itself merged into client {kept.merged_into_id}: undo that first."
        raise Conflict(sentence, "already_merged", merged_into=kept.merged_into_id)
    external_id = merge.before["merged"]["external_id"]
    others = Client.objects.in_business(merge.business_id).exclude(pk__in=[merge.kept_id, merge.merged_id])
    if external_id is not None and others.filter(external_id=external_id).exists():
        raise Conflict(f"Another client has the external id {external_id} by now.", "external_id_taken")


def _part_clients(merge: ClientMerge, kept: Client, merged: Client) -> None:
    before, after, was = merge.before["kept"], merge.after["kept"], merge.before["merged"]
    current = _columns(kept, _KEPT)
    back = moving.reverted(current, before, after)
    given = {name: was[name] for name in _GIVEN}
    consent: dict[str, Any] = {}
    for address, channels in _ADDRESSES.items():
        if was[address] and current[address] == was[address]:  # what was said to it since counts for its owner
            consent |= {column: current[column] for column in channels}
        if back.get(address) == "":
            back |= {column: before[column] for column in channels}
    _set_client(kept, back)
    _set_client(merged, {**given, **consent, "merged_into_id": None})
    tell_changed(phones=[merged.pk] if was["phone"] else [], emails=[merged.pk] if was["email"] else [])


def _part_threads(merge: ClientMerge, actor_id: int | None) -> None:
    facts = merge.before["threads"]
    own, other = moving.locked_threads(facts["kept"]["id"], facts["merged"]["id"])
    moving.move_back(merge.message_ids, own.pk, other)
    moving.move_entries_back(merge.entry_ids, own.pk, other.pk)
    moving.part(own, other, before=facts, after=merge.after["threads"])
    if facts["made"] and moving.is_bare(own):
        own.delete()
        Client.objects.filter(pk=merge.kept_id).update(has_conversation=False)
        return
    write_activity(own, "merge", "The merge was undone", actor_id, merged_client_id=merge.merged_id)


def living_merge(business_id: int, client_id: int) -> ClientMerge | None:
    """The merge that made this client of the business a part of another, where there is one."""
    living = ClientMerge.objects.filter(undone_at__isnull=True)
    return living.filter(business_id=business_id, merged_id=client_id).first()


def carry_stragglers(*, limit: int = 100) -> int:
    """Move what landed in merged clients' conversations to the clients that were kept; how many messages."""
    return sum(_carried(conversation_id) for conversation_id in moving.stragglers(limit))


def _carried(conversation_id: int) -> int:
    return sql.in_transaction(lambda: _carry(conversation_id))


def _carry(conversation_id: int) -> int:
    client_id = Conversation.objects.values_list("client_id", flat=True).get(pk=conversation_id)
    (merged,) = _locked(client_id)
    if merged.merged_into_id is None:  # undone meanwhile: it is no straggler but the client's own
        return 0
    own_id, _ = ensure_conversation(business_id=merged.business_id, client_id=merged.merged_into_id)
    own, other = moving.locked_threads(own_id, conversation_id)
    return moving.receive(own, other)
