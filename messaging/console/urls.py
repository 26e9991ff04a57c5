"""Paths of the inbox, inside the admin's own namespace."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from messaging.console import deeds, news_stream, views


def _at(route: str, view: Callable[..., Any], name: str) -> URLPattern:
    return path(f"inbox/{route}", admin.site.admin_view(view), name=f"inbox{name}")


def _page(route: str, view: Callable[..., Any], name: str) -> URLPattern:
    return _at(route, require_GET(view), name)


urlpatterns = [
    _page("", views.inbox, ""),
    _page("rows/", views.rows, "_rows"),
    _page("labels/", views.label_choices, "_label_choices"),
    _page("news/", views.news, "_news"),
    _page("live/", news_stream.short, "_live"),
    _at("views/", deeds.keep_view, "_views"),
    _page("<int:conversation_id>/", views.inbox, "_conversation"),
    _page("<int:conversation_id>/thread/", views.thread, "_thread"),
    _page("<int:conversation_id>/side/", views.side, "_side"),
    _page("<int:conversation_id>/older/", views.older, "_older"),
    _page("<int:conversation_id>/templates/", views.template_choices, "_templates"),
    _page("<int:conversation_id>/clients/", views.find_client, "_clients"),
    *(
        _at(f"<int:conversation_id>/{name}/", view, f"_{name}")
        for name, view in {
            "assign": deeds.assign, "status": deeds.status, "set-labels": deeds.labels, "read": deeds.read,
            "unread": deeds.unread, "merge": deeds.merge, "block": deeds.block, "note": deeds.note,
            "reply": deeds.reply, "undo": deeds.undo, "retry": deeds.retry, "here": deeds.here,
        }.items()
    ),
]  # fmt: skip
