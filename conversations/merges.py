"""Merging over HTTP: two clients made one, and taken apart again."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Client
from conversations.models import ClientMerge
from conversations.people import ClientProfile, client_profile
from conversations.services import merging
from omega_project.lib.api.callers import caller
from omega_project.lib.api.endpoints import Given, OmegaViewSet, endpoint
from omega_project.lib.api.errors import NotFound
from omega_project.lib.api.fields import Body, Id


class MergeWanted(Body):
    """`client_id` is the client that becomes a part of the one in the path."""

    client_id: Id


class MergedProfile(ClientProfile):
    """The kept client, and the merge that can be undone."""

    merge_id: int


def _client(business_id: int, client_id: int) -> Client:
    found = Client.objects.in_business(business_id).filter(pk=client_id).first()
    if found is None:
        raise NotFound("There is no such client in this business.")
    return found


class Merges(OmegaViewSet):
    """`…/clients/{client_id}/merge` and `…/clients/{client_id}/merges/{merge_id}/undo`."""

    @endpoint(
        summary="Merge another client into this one",
        operation_id="clients_merge",
        tags=["business-clients"],
        description="Its messages join this client's conversation, what comes in from its addresses is this client's.",
        body=MergeWanted,
        answers={200: MergedProfile},
        errors=(403, 404, 409, 413),
    )
    def create(self, request: Request, given: Given, business_id: int, client_id: int) -> Response:
        kept, merged = _client(business_id, client_id), _client(business_id, given.body.client_id)
        merge = merging.merge_clients(kept=kept, merged=merged, actor_id=caller(request).staff_id)
        return Response(client_profile(business_id, client_id) | {"merge_id": merge.pk})

    @endpoint(
        summary="Undo a merge of two clients",
        operation_id="clients_unmerge",
        tags=["business-clients"],
        description="What was moved goes back; what came since the merge stays with this client.",
        answers={200: MergedProfile},
        errors=(403, 404, 409),
    )
    def undo(self, request: Request, given: Given, business_id: int, client_id: int, merge_id: int) -> Response:
        found = ClientMerge.objects.in_business(business_id).filter(pk=merge_id, kept_id=client_id).first()
        if found is None:
            raise NotFound("There is no such merge of this client in this business.")
        merging.undo_merge(found, actor_id=caller(request).staff_id)
        return Response(client_profile(business_id, client_id) | {"merge_id": merge_id})
