"""The OpenAPI document: what it must say, and the clients that are made from it."""
