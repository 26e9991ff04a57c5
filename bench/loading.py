"""A million messages in a minute: written without the indexes of their table, which are made anew behind them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Where so many times as many messages come as there are, the indexes are made anew behind them.
WORTH = 10
_INDEXES = """
SELECT i.relname AS name, pg_get_indexdef(x.indexrelid) AS made FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = 'conversations_message'::regclass AND NOT x.indisunique
"""
_KEYS = """
SELECT conname AS name, pg_get_constraintdef(oid) AS made FROM pg_constraint
WHERE conrelid = 'conversations_message'::regclass AND contype = 'f'
"""


@contextmanager
def bare(ask: Callable[..., list[dict[str, Any]]]) -> Iterator[None]:
    """Meanwhile the table of messages has no index but the unique ones, and no foreign keys."""
    indexes, keys = ask(_INDEXES), ask(_KEYS)
    for one in indexes:
        ask(f"DROP INDEX {one['name']}")
    for one in keys:
        ask(f"ALTER TABLE conversations_message DROP CONSTRAINT {one['name']}")
    yield
    for one in indexes:
        ask(one["made"])
    for one in keys:
        ask(f"ALTER TABLE conversations_message ADD CONSTRAINT {one['name']} {one['made']}")
    ask("VACUUM (ANALYZE) conversations_message")
