"""The HTML of a mail: made safe to keep and to show, and read as text.

nh3 (ammonia) takes out what runs, loads or posts. Pictures from elsewhere lose their `src` to `data-omega-src`, so that
nothing is fetched until somebody asks for them; pictures of the mail itself (`cid:`) keep theirs for whoever shows it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import ClassVar

import nh3

from messaging.mail.charsets import lines_of, storable

MOST_BYTES = 512 * 1024
MOST_DEPTH = 1000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_NEVER_CLOSED = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
    *("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option", "optgroup"),
}
REMOTE = "data-omega-src"
_TAGS = {
    *("a", "abbr", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col"),
    *("colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1", "h2", "h3", "h4"),
    *("h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span"),
    *("strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var"),
    "wbr",
}
_ATTRIBUTES = {
    "*": {"dir", "lang", "style", "title", "align", "valign"},
    "a": {"href"},
    "blockquote": {"type"},
    "font": {"color", "size"},
    "img": {"src", "alt", "width", "height", REMOTE},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "width", "bgcolor"},
    "td": {"colspan", "rowspan", "width", "height", "bgcolor"},
    "th": {"colspan", "rowspan", "width", "height", "bgcolor"},
    "tr": {"bgcolor"},
}
# Colours, letters and edges; nothing that loads, moves over other things or hides.
_STYLES = {
    *("color", "background-color", "font-family", "font-size", "font-style", "font-weight", "line-height"),
    *("text-align", "text-decoration", "direction", "white-space", "vertical-align", "border-collapse"),
    *("padding", "padding-left", "padding-right", "padding-top", "padding-bottom"),
    *("border", "border-left", "border-right", "border-top", "border-bottom", "width", "max-width"),
}
_CONTENT_GONE = {
    *("script", "style", "title", "head", "template", "noscript", "iframe", "object", "embed", "svg", "math"),
    *("textarea", "select", "button", "audio", "video", "canvas", "xmp", "noembed", "noframes"),
}
_SCHEMES = {
    "src": ("http://", "https://", "//", "cid:"),
    "href": ("http://", "https://", "mailto:", "tel:"),
    REMOTE: ("http://", "https://", "//"),
}
_LOADS = re.compile(r"url|expression|\\|@", re.IGNORECASE)
_IMAGE = re.compile(r'<img((?:\s+[a-z-]+="[^"]*")*)\s*/?>')
_REMOTE = re.compile(r'(\s)src="((?:https?:|//)[^"]*)"', re.IGNORECASE)
_HIDDEN = re.compile(r'(\s)data-omega-src="([^"]*)"')
_CID = re.compile(r'(\s)src="cid:([^"]*)"', re.IGNORECASE)


def is_bearable(html: str) -> bool:
    """Whether it is nested no deeper than people's mails are: over a hundred thousand levels a parser takes minutes."""
    depth = deepest = 0
    for closes, name in _TAG.findall(html):
        if name.lower() not in _NEVER_CLOSED:
            depth = max(0, depth - 1) if closes else depth + 1
            deepest = max(deepest, depth)
    return deepest <= MOST_DEPTH


def sanitised(html: str) -> str:
    """`html` as it is kept: without script, style sheets, forms, frames; remote pictures off. Twice is as once."""
    clean = nh3.clean(
        storable(html),
        tags=_TAGS,
        clean_content_tags=_CONTENT_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        filter_style_properties=_STYLES,
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return _IMAGE.sub(lambda found: _REMOTE.sub(rf'\1{REMOTE}="\2"', found[0]), clean).strip()


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "style" and _LOADS.search(value):
        return None
    if name in _SCHEMES:  # a path of our own host is none of the mail's
        value = value.strip()
        return value if value.lower().startswith(_SCHEMES[name]) else None
    return value


def shown(html: str, pictures: dict[str, str], *, remote: bool) -> str:
    """Kept `html` as a page shows it: the mail's own pictures by their links, those from elsewhere where `remote`."""

    def image(found: re.Match[str]) -> str:
        text = _CID.sub(lambda one: f'{one[1]}src="{pictures.get(one[2].lower(), "")}"', found[0])
        return _HIDDEN.sub(r'\1src="\2"', text) if remote else text

    return _IMAGE.sub(image, html)


def has_remote(html: str) -> bool:
    """Whether kept `html` has pictures from elsewhere."""
    return _HIDDEN.search(html) is not None


@dataclass(frozen=True, slots=True)
class HtmlText:
    """`text` is everything; `own` what stands before a mail program's own mark of what it quotes, None without one."""

    text: str
    own: str | None


# How mail programs mark what they quote: Gmail, Yahoo, Proton, Outlook (web, desktop), Apple Mail, Thunderbird, others.
_QUOTES = re.compile(
    r"(?:^|\s)(?:gmail_quote\w*|gmail_attr|yahoo_quoted|ydp\w*yahoo_quoted|protonmail_quote|moz-cite-prefix|"
    r"zmail_extra|quoted-text|mail_quote|OutlookMessageHeader)(?:\s|$)|"
    r"(?:^|[_-])(?:divRplyFwdMsg|appendonsend|mail-editor-reference-message-container|reply-intro|replySplit)(?:$|[_-])"
)
_ALL = {*_TAGS, "body", "html"}
_MARKED = {"*": {"class", "id"}, "blockquote": {"type", "class", "id"}, "img": {"alt"}, "a": {"href"}}


def as_text(html: str) -> HtmlText:
    """`html` read as a person would, `>` before what it quotes."""
    marked = nh3.clean(
        storable(html), tags=_ALL, clean_content_tags=_CONTENT_GONE, attributes=_MARKED, link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"}, attribute_filter=_short,
    )  # fmt: skip
    reader = _Reader()
    reader.feed(marked)
    reader.close()
    return reader.result()


def _short(tag: str, name: str, value: str) -> str | None:
    return value[:2048]


_BLOCKS = {
    *("p", "div", "blockquote", "li", "ul", "ol", "dl", "dd", "dt", "tr", "table", "pre", "center", "caption"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "figure", "figcaption"),
}
_AIRY = {"p", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table"}
_MOST_LEVELS = 20


class _Reader(HTMLParser):
    """Lines with their level of quoting. What it reads was made well-formed by nh3."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line: list[str] = []
        self._level = 0
        self._pre = 0
        self._links: list[tuple[str, int]] = []
        self._own: int | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self._break(airy=tag in _AIRY)
        if self._own is None and _is_quote(tag, given):
            self._own = len(self._lines)
        if begin := self._BEGINNINGS.get(tag):
            begin(self, given)

    def _begin_quote(self, given: dict[str, str]) -> None:
        self._level = min(self._level + 1, _MOST_LEVELS)

    def _begin_pre(self, given: dict[str, str]) -> None:
        self._pre += 1

    def _begin_link(self, given: dict[str, str]) -> None:
        self._links.append((given.get("href", ""), len(self._line)))

    def _rule(self, given: dict[str, str]) -> None:
        self._line.append("-" * 20)
        self._end_line()

    def _picture(self, given: dict[str, str]) -> None:
        if words := given.get("alt", "").strip():
            self._line.append(f"[{words}]")

    _BEGINNINGS: ClassVar[dict[str, Callable[["_Reader", dict[str, str]], None]]] = {
        "br": lambda self, given: self._end_line(),
        "blockquote": _begin_quote,
        "pre": _begin_pre,
        "a": _begin_link,
        "hr": _rule,
        "img": _picture,
        "li": lambda self, given: self._line.append("- "),
        "td": lambda self, given: self._line.append(" "),
        "th": lambda self, given: self._line.append(" "),
    }

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        if tag in _BLOCKS:
            self._break(airy=tag in _AIRY)
        if tag == "blockquote":
            self._level = max(0, self._level - 1)
        if tag == "pre":
            self._pre = max(0, self._pre - 1)

    def handle_data(self, data: str) -> None:
        if self._pre:
            first, *rest = data.split("\n")
            self._line.append(first)
            for line in rest:
                self._end_line()
                self._line.append(line)
        elif data.strip(" \t\r\n"):
            self._line.append(re.sub(r"[ \t\r\n]+", " ", data))
        elif self._line:
            self._line.append(" ")

    def _end_link(self, href: str, at: int) -> None:
        """A link's address behind its text, where the text does not say it."""
        text = "".join(self._line[at:]).strip()
        bare = href.removeprefix("mailto:").removeprefix("tel:").rstrip("/")
        if (
            href.startswith(("http://", "https://"))
            and bare not in {text, f"http://{text}", f"https://{text}"}
            and text
        ):
            self._line.append(f" <{href[:300]}>")

    def _end_line(self) -> None:
        text = "".join(self._line)
        text = text.rstrip() if self._pre else " ".join(text.replace("\xa0", " ").split(" ")).strip()
        prefix = "> " * self._level
        self._lines.append((prefix + re.sub(r" {2,}", " ", text) if not self._pre else prefix + text).rstrip())
        self._line = []

    def _break(self, *, airy: bool) -> None:
        if "".join(self._line).strip():
            self._end_line()
        self._line = []
        if airy and self._lines and self._lines[-1].strip("> "):
            self._lines.append(("> " * self._level).rstrip())

    def result(self) -> HtmlText:
        self._break(airy=False)
        own = None if self._own is None else _tidy(self._lines[: self._own])
        return HtmlText(_tidy(self._lines), own)


def _is_quote(tag: str, given: dict[str, str]) -> bool:
    marked = _QUOTES.search(given.get("class", "")) or _QUOTES.search(given.get("id", ""))
    return bool(marked) or (tag == "blockquote" and given.get("type") == "cite")


def _tidy(lines: list[str]) -> str:
    text = re.sub(r"\n{3,}", "\n\n", lines_of("\n".join(lines)))
    return re.sub(r"(?:\n[> ]*)+\Z", "", text).strip("\n")
