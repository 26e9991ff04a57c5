"""A client's page with what a person may ask of a business: their data out, or gone."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.models import Client
from conversations.admin.clients import ClientAdmin
from messaging.privacy_views import export_file
from messaging.services import erasing
from omega_project.lib.admin import PostAction, tell
from omega_project.lib.audit import touch

_ERASE = "accounts.delete_client"
_SURE = "Names, addresses, words and files of this client go at once and for good. Erase them?"

admin.site.unregister(Client)


@admin.register(Client)
class PersonAdmin(ClientAdmin):
    post_actions = (
        *ClientAdmin.post_actions,
        PostAction("export_data", "Export their data", "download"),
        PostAction("erase", "Erase their data", "person_off", "danger", _SURE),
    )

    def post_actions_for(self, obj: Any) -> Any:
        return tuple(one for one in super().post_actions_for(obj) if one.name != "erase" or not obj.erased_at)

    def export_data(self, request: HttpRequest, obj: Client) -> HttpResponse:
        touch(request, "admin.client: export", obj)
        return export_file(obj)

    def erase(self, request: HttpRequest, obj: Client) -> None:
        """Whoever may remove clients may erase one; nobody undoes it."""
        if not request.user.has_perm(_ERASE):
            raise PermissionDenied
        done = erasing.erase_client(business_id=obj.business_id, client_id=obj.pk)
        touch(request, "admin.client: erase", obj)
        tell(
            request,
            [
                _("All that was kept of this client is gone: {messages} messages, {files} files.").format(
                    messages=done.messages, files=done.files
                )
            ],
        )
