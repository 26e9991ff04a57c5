"""The admin's words in the language of the page, where Django's own marks do not reach.

Templates and Python mark their words by Django's means. What Django makes of a name by itself (a column's label), and
what an admin says in its attributes, is translated where it is shown, by the English word itself (catalogue.py).
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Field
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

OURS = ("accounts", "conversations", "messaging", "voice", "onboarding")
_said: list[str] = []


def said() -> list[str]:
    """What was noted."""
    return list(_said)


def say(*texts: str) -> None:
    """Note words that stand in a table and are translated where they are shown."""
    _said.extend(text for text in texts if text)


def localise_models() -> None:
    """Let each label, help text and choice of our models be shown in the language of the page."""
    for model in models_of_ours():
        meta: Any = model._meta
        meta.verbose_name = _lazy(meta.verbose_name)
        meta.verbose_name_plural = _lazy(meta.verbose_name_plural)
        for field in meta.local_fields + meta.local_many_to_many:
            _localise(field)


def models_of_ours() -> Iterator[Any]:
    return (model for model in apps.get_models() if model._meta.app_label in OURS)


def _lazy(text: Any) -> Any:
    return gettext_lazy(text) if isinstance(text, str) and text and not isinstance(text, Promise) else text


def _localise(field: "Field[Any, Any]") -> None:
    field.verbose_name = _lazy(field.verbose_name)
    field.help_text = _lazy(field.help_text)
    if field.choices:
        field.choices = [(value, _lazy(str(label))) for value, label in field.choices]


def localise_admin(admin_class: type) -> None:
    """Let what an admin's class says in its attributes be shown in the language of the page."""
    for value in vars(admin_class).values():
        if callable(value) and isinstance(getattr(value, "short_description", None), str):
            value.short_description = _lazy(value.short_description)
    help_text = vars(admin_class).get("search_help_text")
    if isinstance(help_text, str):
        admin_class.search_help_text = _lazy(help_text)  # type: ignore[attr-defined]
    if isinstance(vars(admin_class).get("fieldsets"), tuple):
        admin_class.fieldsets = tuple(_fieldset(*one) for one in admin_class.fieldsets)  # type: ignore[attr-defined]


def _fieldset(title: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return _lazy(title), options | ({"description": _lazy(options["description"])} if "description" in options else {})
