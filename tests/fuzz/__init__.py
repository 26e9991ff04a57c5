"""Requests that nobody would write, drawn from the OpenAPI document and sent to the running server."""
