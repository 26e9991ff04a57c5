"""The catalogue of the admin's words in another language: gathered, written and compiled without gettext's tools.

`manage.py words` brings locale/es/LC_MESSAGES/django.po up to date and compiles it.
"""

import ast
import json
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.utils.translation.template import templatize

from omega_project.lib.wording import OURS, models_of_ours, said

CATALOGUE = Path("locale/es/LC_MESSAGES/django.po")
_CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "N_"}
_HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: es\\n"\n'
_HEADER += '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
_ENTRY = re.compile(r'^(msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$|^(".*")$')
# One message: what it says for one, and for many where it counts.
Message = tuple[str, str]


def words() -> dict[Message, None]:
    """Every message of ours, in the order in which it is met."""
    root = Path(settings.BASE_DIR)
    found = [*_of_templates(root / "templates"), *_of_python(root), *((text, "") for text in _of_models())]
    return dict.fromkeys([*found, *((text, "") for text in [*_of_admins(), *said()])])


def _of_templates(folder: Path) -> Iterator[Message]:
    for path in sorted(folder.rglob("*.html")):
        source = path.read_text()
        if "translate" in source:
            yield from _marked(templatize(source, origin=str(path)))


# What templatize makes of a template is Python to gettext's tools and not quite to Python: it is looked through.
_STRING = r"""u?(?:\"\"\".*?\"\"\"|'''.*?'''|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_CALL = re.compile(rf"\b(?:gettext|ngettext|_)\(({_STRING})(?:,\s*({_STRING}))?", re.DOTALL)


def _marked(source: str) -> Iterator[Message]:
    for found in _CALL.finditer(source):
        yield str(ast.literal_eval(found[1])), str(ast.literal_eval(found[2])) if found[2] else ""


def _of_python(root: Path) -> Iterator[Message]:
    for app in (*OURS, "omega_project"):
        for path in sorted((root / app).rglob("*.py")):
            source = path.read_text()
            if "gettext" in source:
                yield from _called(ast.parse(source))
    yield from _of_navigation((root / "omega_project/navigation.py").read_text())


def _called(tree: ast.AST) -> Iterator[Message]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in _CALLS and node.args:
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if texts:
                yield texts[0], texts[1] if getattr(node.func, "id", "").startswith("n") and len(texts) > 1 else ""


def _of_navigation(source: str) -> Iterator[Message]:
    """The sidebar's titles: each is the first word of a call."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"_model", "_page", "_group"}:
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value), ""


def _of_models() -> Iterator[str]:
    for model in models_of_ours():
        yield from (str(model._meta.verbose_name), str(model._meta.verbose_name_plural))
        for field in model._meta.local_fields + model._meta.local_many_to_many:
            yield from (str(field.verbose_name), str(field.help_text))
            yield from (str(label) for _, label in field.choices or ())


def _of_admins() -> Iterator[str]:
    for model, one in admin.site._registry.items():
        if model._meta.app_label in OURS:
            yield from _of_admin(one)


def _of_admin(one: Any) -> Iterator[str]:
    for kind in type(one).__mro__:
        if kind.__module__.startswith(OURS):
            told = (getattr(value, "short_description", "") for value in vars(kind).values() if callable(value))
            yield from (str(text) for text in told if text)
    yield from (str(one.search_help_text or ""), str(getattr(one, "empty_text", "")))
    for title, options in one.fieldsets or ():
        yield from (str(title or ""), str(options.get("description", "")))
    for kind in one.list_filter or ():
        yield "" if isinstance(kind, str) else str(getattr(kind, "title", ""))


def read(path: Path) -> dict[Message, list[str]]:
    """The catalogue: what each message is in the other language, once or for one and for many."""
    found: dict[Message, list[str]] = {}
    entry: dict[str, str] = {}
    last = ""
    for line in [*path.read_text().splitlines(), 'msgid "end"']:
        match = _ENTRY.match(line)
        if not match:
            continue
        if match[1] == "msgid" and entry:
            _keep(found, entry)
            entry = {}
        last = match[1] or last
        entry[last] = entry.get(last, "") + json.loads(match[2] or match[3])
    return found


def _keep(found: dict[Message, list[str]], entry: dict[str, str]) -> None:
    forms = [entry[name] for name in sorted(entry) if name.startswith("msgstr")]
    if entry.get("msgid"):
        found[(entry["msgid"], entry.get("msgid_plural", ""))] = forms


def write(path: Path, catalogue: dict[Message, list[str]]) -> None:
    """The catalogue as gettext writes one."""
    parts = [_HEADER]
    for (one, many), forms in catalogue.items():
        lines = [f"msgid {_quoted(one)}"]
        if many:
            lines += [f"msgid_plural {_quoted(many)}"]
            lines += [f"msgstr[{place}] {_quoted(text)}" for place, text in enumerate([*forms, "", ""][:2])]
        else:
            lines += [f"msgstr {_quoted(forms[0] if forms else '')}"]
        parts.append("\n".join(lines) + "\n")
    path.write_text("\n".join(parts))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def compiled(catalogue: dict[Message, list[str]]) -> bytes:
    """The catalogue as gettext reads it (the format of .mo files: sorted keys, offsets, texts)."""
    header = "Content-Type: text/plain; charset=UTF-8\nLanguage: es\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
    pairs = {"": header} | {
        one + (f"\0{many}" if many else ""): "\0".join(forms)
        for (one, many), forms in catalogue.items()
        if forms and all(forms)
    }
    keys = sorted((key.encode(), value.encode()) for key, value in pairs.items())
    return _packed([key for key, _ in keys], [value for _, value in keys])


def _packed(keys: list[bytes], values: list[bytes]) -> bytes:
    count = len(keys)
    texts, offsets = b"", []
    place = 28 + 16 * count
    for text in [*keys, *values]:
        offsets.append((len(text), place + len(texts)))
        texts += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, place)
    return head + b"".join(struct.pack("<2I", *one) for one in offsets) + texts


def untranslated(messages: Iterable[Message], catalogue: dict[Message, list[str]]) -> list[Message]:
    """The messages that have nothing in the other language."""
    return [one for one in messages if one[0].strip() and not all(catalogue.get(one) or [""])]
