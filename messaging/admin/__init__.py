"""Transport in the admin: the conversation's page with its reply box, messages, events, consent, vocabulary."""

from messaging.admin import consent, conversations, events, messages, people, records, templates, vocabulary, webhooks

__all__ = ["consent", "conversations", "events", "messages", "people", "records", "templates", "vocabulary", "webhooks"]
