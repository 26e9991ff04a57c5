"""Paths of transport."""

from django.urls import path

from messaging import (
    consent_views,
    door,
    inbound_mail,
    mail_views,
    mail_webhooks,
    privacy_views,
    report_views,
    template_views,
    views,
    webhook_views,
    webhooks,
)

CLIENT = "businesses/<str:business_id>/clients/<str:client_id>"
HOOKS = "businesses/<str:business_id>/webhook-endpoints"
DELIVERIES = "businesses/<str:business_id>/webhook-deliveries"

urlpatterns = [
    path("sms/queue", views.Sms.as_view({"post": "queue"})),
    path("sms/record", views.Sms.as_view({"post": "record"})),
    path("sms/status", views.Sms.as_view({"post": "status"})),
    path("email/queue", mail_views.Email.as_view({"post": "queue"})),
    path("email/record", mail_views.Email.as_view({"post": "record"})),
    path("email/status", mail_views.Email.as_view({"post": "status"})),
    path("email/unsubscribe/<str:token>", mail_views.unsubscribe),
    path("email/inbound/<str:provider>", inbound_mail.InboundMail.as_view({"post": "take"})),
    path("twilio/sms/reply", webhooks.TwilioWebhooks.as_view({"post": "reply"})),
    path("twilio/sms/status", webhooks.TwilioWebhooks.as_view({"post": "status"})),
    path("email/webhook", mail_webhooks.MailWebhooks.as_view({"post": "take"})),
    path("email/webhook/<str:provider>", mail_webhooks.MailWebhooks.as_view({"post": "take_of", "head": "is_there"})),
    path("messages", door.Door.as_view({"post": "take"})),
    path("messages/retry", views.Messages.as_view({"post": "retry"})),
    path("messages/requests/<str:request_id>", views.Messages.as_view({"get": "by_request"})),
    path("messages/<str:message_id>", views.Messages.as_view({"get": "retrieve"})),
    path("messages/<str:message_id>/cancel", views.Messages.as_view({"post": "cancel"})),
    path(
        "businesses/<str:business_id>/templates",
        template_views.Templates.as_view({"get": "list", "post": "create"}),
    ),
    path(
        "businesses/<str:business_id>/templates/<str:template_id>",
        template_views.Templates.as_view({"get": "retrieve", "patch": "change", "delete": "remove"}),
    ),
    path(
        "businesses/<str:business_id>/templates/<str:template_id>/preview",
        template_views.Templates.as_view({"post": "preview"}),
    ),
    path(
        "businesses/<str:business_id>/clients/<str:client_id>/consent",
        consent_views.ClientConsent.as_view({"get": "retrieve", "put": "set"}),
    ),
    path(HOOKS, webhook_views.WebhookEndpoints.as_view({"get": "list", "post": "create"})),
    path(
        f"{HOOKS}/<str:endpoint_id>",
        webhook_views.WebhookEndpoints.as_view({"get": "retrieve", "patch": "change", "delete": "remove"}),
    ),
    path(f"{HOOKS}/<str:endpoint_id>/secret", webhook_views.WebhookEndpoints.as_view({"post": "rotate"})),
    path(f"{HOOKS}/<str:endpoint_id>/replay", webhook_views.WebhookEndpoints.as_view({"post": "replay"})),
    path(DELIVERIES, webhook_views.WebhookDeliveries.as_view({"get": "list"})),
    path(f"{DELIVERIES}/<str:delivery_id>", webhook_views.WebhookDeliveries.as_view({"get": "retrieve"})),
    path(f"{DELIVERIES}/<str:delivery_id>/replay", webhook_views.WebhookDeliveries.as_view({"post": "replay"})),
    path(f"{CLIENT}/export", privacy_views.Privacy.as_view({"get": "export"})),
    path(f"{CLIENT}/erase", privacy_views.Privacy.as_view({"post": "erase"})),
    path("businesses/<str:business_id>/reports/summary", report_views.Reports.as_view({"get": "summary"})),
    path("businesses/<str:business_id>/messages/retry", views.Messages.as_view({"post": "retry_in_business"})),
    path(
        "businesses/<str:business_id>/messages/requests/<str:request_id>",
        views.Messages.as_view({"get": "by_request_in_business"}),
    ),
]
