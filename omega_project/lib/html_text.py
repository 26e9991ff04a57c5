"""The text of an HTML page, for those who read no HTML: a mail's text part where its sender gave none."""

import re

from inscriptis import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree, html

# What is longer than this as text was made to be.
MOST_CHARACTERS = 1_000_000
_CONFIG = ParserConfig(display_links=True)
_UNSEEN = {"script", "style", "head", "template", "noscript", "object", "iframe", "svg"}
_GAP = re.compile(r"\n{3,}")
# A tag with its quoted attributes. Possessive throughout: what does not match is not tried in another way.
_TAG = re.compile(r"""(<[a-zA-Z][a-zA-Z0-9]*+)(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>?""")
_LONGEST_TAG = 8000


def text_of(page: str) -> str:
    """The text with its paragraphs, lists, tables and links; empty where there is none. Never raises.

    libxml2 bounds the depth, but compares each attribute of a tag with each: an overlong tag loses them first (an
    inlined picture is one too). Styles are taken off: one that indents by a million columns would be obeyed.
    """
    if not page.strip():
        return ""
    page = _TAG.sub(_bounded, page)
    try:
        tree = html.document_fromstring(page.encode("utf-8", "replace"), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.LxmlError, ValueError):
        return ""
    _strip(tree)
    text = Inscriptis(tree, _CONFIG).get_text()[:MOST_CHARACTERS]
    return _GAP.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip("\n")


def _bounded(tag: re.Match[str]) -> str:
    return tag[0] if len(tag[0]) <= _LONGEST_TAG else f"{tag[1]}>"


def _strip(tree: html.HtmlElement) -> None:
    """Empty what nobody sees, and take off every style. Dropping it would cost the square of the texts around."""
    for element in list(tree.iter(etree.Element)):
        style = element.attrib.pop("style", "").replace(" ", "").lower()
        if element.tag in _UNSEEN or "display:none" in style or "hidden" in element.attrib:
            element.clear(keep_tail=True)
