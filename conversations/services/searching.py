"""Search in one conversation: words, "quoted phrases", -not and prefix*, with a snippet."""

import html
from typing import Any

from conversations.services import reading
from omega_project.lib.api.pagination import Cursor

# Marks that no text has (private use), made into <mark> after all else is escaped.
_BEGIN, _END = "\ue000", "\ue001"
_SNIPPET = (
    ", ts_headline('omega', translate(left(concat_ws(' ', NULLIF(m.subject, ''), m.body), 20000),"
    f" '{_BEGIN}{_END}', ''), %(words)s::text::tsquery,"
    f" 'StartSel={_BEGIN},StopSel={_END},MaxFragments=2,MaxWords=30,MinWords=8') AS snippet"
)


def search(narrowing: reading.Narrowing, *, limit: int, cursor: Cursor | None) -> list[dict[str, Any]]:
    """Messages under `narrowing`, which `filtering.look_for` has given its words: newest first, with a `snippet`."""
    if narrowing.words is None:
        return []
    rows = reading.message_rows(narrowing, reading.timeline_order(), limit=limit, cursor=cursor, extra=_SNIPPET)
    for row in rows:
        row["snippet"] = marked(row["snippet"])
    return rows


def marked(snippet: str) -> str:
    """The snippet as HTML: matches in `<mark>`, all else escaped."""
    return html.escape(snippet).replace(_BEGIN, "<mark>").replace(_END, "</mark>")
