"""Transport: dispatch, providers, webhooks, consent, retry, templates."""
