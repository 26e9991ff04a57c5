"""Reads TwiML as strictly as its schema: an unknown element, attribute or value is an error, never a guess."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.callbacks import Answer
from sandbox.voice.vocabulary import ELEMENTS, SCHEMA, Element

XML = frozenset({"text/xml", "application/xml", "text/html"})  # Twilio reads all three as TwiML
RETRIEVAL, PARSE, CONTENT_TYPE = 11200, 12100, 12300
MOST_NOUNS = 10
LONGEST = 64 * 1024


class TwimlError(Exception):
    """A document that Twilio does not play; its code and a sentence that says where."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Verb:
    """One element as it is to be played."""

    name: str
    attributes: dict[str, str]
    words: str = ""
    children: tuple["Verb", ...] = ()

    def flag(self, name: str) -> bool:
        """An attribute that is `true`; false where it is not there."""
        return self.attributes.get(name) == "true"

    def whole(self, name: str, default: int) -> int:
        """An attribute that is a number."""
        return int(self.attributes.get(name, default))

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)


def verbs_in(answer: Answer) -> tuple[Verb, ...]:
    """The verbs of a webhook's answer; raises TwimlError, as Twilio would show it in its debugger."""
    if answer.status is None:
        raise TwimlError(RETRIEVAL, "Got no answer in time." if answer.why == "rt" else "No connection was made.")
    if answer.status >= 300:
        raise TwimlError(RETRIEVAL, f"Got HTTP {answer.status} instead of TwiML.")
    if answer.content_type not in XML:
        raise TwimlError(CONTENT_TYPE, f"The content type is {answer.content_type!r}, not text/xml.")
    return parse(answer.body)


def parse(text: str) -> tuple[Verb, ...]:
    """The verbs of a document, in order; raises TwimlError."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise TwimlError(PARSE, "TwiML has no document type.")
    try:
        root = ET.fromstring(text)  # noqa: S314 - declares no entities, see above
    except ET.ParseError as fault:
        raise TwimlError(PARSE, f"This is no XML: {fault}.") from None
    if root.tag != "Response":
        raise TwimlError(PARSE, f"The root is <{root.tag}>, not <Response>.")
    return _read(root).children


def _read(node: ET.Element) -> Verb:
    element = ELEMENTS.get(node.tag)
    if element is None:
        raise TwimlError(SCHEMA, f"There is no element <{node.tag}>, or none that is played here.")
    for name, value in node.attrib.items():
        _check_attribute(node.tag, element, name, value)
    for child in node:
        if child.tag not in element.children:
            raise TwimlError(SCHEMA, f"<{child.tag}> may not stand in <{node.tag}>.")
    verb = Verb(node.tag, dict(node.attrib), _words(node, element), tuple(_read(child) for child in node))
    _check_whole(verb)
    return verb


def _check_attribute(tag: str, element: Element, name: str, value: str) -> None:
    check = element.attributes.get(name.replace("{http://www.w3.org/XML/1998/namespace}", "xml:"))
    if check is None:
        raise TwimlError(SCHEMA, f"Attribute '{name}' is not allowed to appear in element '{tag}'.")
    if not check(value):
        code = element.codes.get(name, SCHEMA)
        raise TwimlError(code, f"<{tag}> has {name}={value[:200]!r}, which makes no sense there.")


def _words(node: ET.Element, element: Element) -> str:
    """An element's own words, those between and in its children too where they are speech."""
    words = " ".join(" ".join(_pieces(node)).split()) if element.words else ""
    stray = "".join((node.text or "", *(child.tail or "" for child in node))).strip()
    if element.words is None and stray:
        raise TwimlError(SCHEMA, f"<{node.tag}> may not have text: {stray[:60]!r}.")
    if element.words is not None and not element.words(words):
        code = element.codes.get("", SCHEMA)
        raise TwimlError(code, f"<{node.tag}> has {words[:200]!r} in it, which makes no sense there.")
    return words


def _pieces(node: ET.Element) -> Iterator[str]:
    if node.tag in {"Dial", "Client"}:
        yield from (node.text or "", *(child.tail or "" for child in node))
    else:
        yield from node.itertext()


def _check_whole(verb: Verb) -> None:
    """What no single attribute tells: how many nouns, and what must be there."""
    if verb.name == "Say" and not verb.words:
        raise TwimlError(13520, "<Say> has nothing to say.")
    if verb.name == "Dial":
        if len(verb.children) > MOST_NOUNS:
            raise TwimlError(SCHEMA, f"<Dial> may ring {MOST_NOUNS} at once, not {len(verb.children)}.")
        if bool(verb.words) == bool(verb.children):
            raise TwimlError(13223, "<Dial> needs a number, or nouns, and not both.")
    if verb.name == "Client" and bool(verb.words) == bool(named(verb)):
        raise TwimlError(SCHEMA, "<Client> needs one identity: its text, or one <Identity>.")
    if verb.name == "Parameter" and set(verb.attributes) != {"name", "value"}:
        raise TwimlError(SCHEMA, "<Parameter> needs name and value.")


def named(client: Verb) -> str:
    """What a <Client>'s <Identity> says; nothing where there is none."""
    names = [child.words for child in client.children if child.name == "Identity"]
    if len(names) > 1:
        raise TwimlError(SCHEMA, "<Client> may have one <Identity> only.")
    return names[0] if names else ""


def identity_of(client: Verb) -> str:
    """Whom a <Client> rings."""
    return client.words or named(client)


def parameters_of(client: Verb) -> dict[str, str]:
    """What a <Client> tells the device besides."""
    return {child.get("name"): child.get("value") for child in client.children if child.name == "Parameter"}
