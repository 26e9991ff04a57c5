"""Wiring of paths: the API under its prefix, the admin beside it."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation

import conversations.urls
import messaging.console.urls
import voice.admin.phone
from accounts.entrance import log_ins, prove, second_factor
from accounts.preferences import preferences, tour_seen
from accounts.reasons import mask_again, unmask
from omega_project.health import Health
from omega_project.metrics import Metrics

admin.site.site_header = admin.site.site_title = "omega"


# A page of documentation is read; it has no description of itself for OPTIONS.
READ = ["get", "head"]


class Schema(SpectacularAPIView):
    """The OpenAPI document: JSON, as all that the API says; YAML for who accepts nothing else."""

    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer]
    content_negotiation_class = DefaultContentNegotiation
    http_method_names = READ


def unknown_path(request: HttpRequest) -> HttpResponse:
    """A path of the API that is none: 404 in the API's own shape."""
    raise Http404


api: list[Any] = [
    path("", include(conversations.urls.lists)),
    path("health", Health.as_view({"get": "alive"})),
    path("health/db", Health.as_view({"get": "database"})),
    path("health/ready", Health.as_view({"get": "ready"})),
    path("metrics", Metrics.as_view({"get": "scrape"})),
    path("schema", Schema.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=READ), name="docs"),
    path("redoc", SpectacularRedocView.as_view(url_name="schema", http_method_names=READ), name="redoc"),
    path("", include("onboarding.urls")),
    path("", include("voice.urls")),
    path("", include("messaging.urls")),
    path("", include("accounts.urls")),  # before conversations: clients/sync is no client's path
    path("", include("conversations.urls")),
    path("admin", RedirectView.as_view(url="/admin/")),  # who types the prefix too finds the door all the same
    re_path("^.*$", unknown_path),
]
admin_urls, admin_app, admin_namespace = admin.site.urls
# Before the admin's own paths, whose last one takes all that is left.
own_pages = [
    path("two-factor/", second_factor, name="two_factor"),
    path("prove/", prove, name="prove"),
    path("log-ins/", log_ins, name="log_ins"),
    path("preferences/", preferences, name="preferences"),
    path("tour/", tour_seen, name="tour_seen"),
    path("reason/", unmask, name="unmask"),
    path("reason/end/", mask_again, name="mask_again"),
    *messaging.console.urls.urlpatterns,
    *voice.admin.phone.inbox_urls,
]
urlpatterns = [
    path("admin/", ([*own_pages, *admin_urls], admin_app, admin_namespace)),
    path("django-rq/", include("django_rq.urls")),
    path(settings.OMEGA_URL_PREFIX, include(api)),
    path("", RedirectView.as_view(url="/admin/")),
]
