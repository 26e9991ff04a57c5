"""The words that are data: consent keywords, carriers' codes. Editing one counts within a minute."""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.decorators import display

from messaging.models import CarrierCode, ConsentKeyword, RetryRule
from messaging.services import vocabulary
from omega_project.lib.admin import OmegaAdmin


class VocabularyAdmin(OmegaAdmin):
    """Small tables that every process keeps for a minute; this one forgets at once."""

    is_removable = True

    def save_model(self, request: HttpRequest, obj: Any, form: "forms.ModelForm[Any]", change: bool) -> None:
        super().save_model(request, obj, form, change)
        vocabulary.forget()

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        super().delete_model(request, obj)
        vocabulary.forget()


class KeywordForm(forms.ModelForm):
    def clean_word(self) -> str:
        word = re.sub(r"[\W_]+", "", self.cleaned_data["word"]).upper()
        if not word:
            raise ValidationError(_("This must have a letter or a digit: texts are compared without spaces and signs."))
        return word


@admin.register(ConsentKeyword)
class ConsentKeywordAdmin(VocabularyAdmin):
    form = KeywordForm
    list_display = ("word", "shown_kind")
    list_filter = ("kind",)
    search_fields = ("word",)
    ordering = ("kind", "word")

    @display(description="what it does", label={"stop": "danger", "start": "success", "help": "info"})
    def shown_kind(self, obj: ConsentKeyword) -> tuple[str, str]:
        return obj.kind, obj.get_kind_display()


@admin.register(CarrierCode)
class CarrierCodeAdmin(VocabularyAdmin):
    list_display = ("code", "provider", "shown_handling", "is_account_wide", "meaning")
    list_filter = ("handling", "provider")
    search_fields = ("code", "meaning")
    ordering = ("provider", "code")

    @display(
        description="handling",
        label={
            "retry": "info",
            "retry_once": "info",
            "permanent": "danger",
            "configuration": "warning",
            "opted_out": "danger",
        },
    )
    def shown_handling(self, obj: CarrierCode) -> tuple[str, str]:
        return obj.handling, obj.get_handling_display()


@admin.register(RetryRule)
class RetryRuleAdmin(VocabularyAdmin):
    """When a message is tried again after each class of fault."""

    is_removable = False
    list_display = ("fault_class", "shown_waits", "alerts")
    ordering = ("pk",)
    sortable_by = ()
    readonly_fields = ("fault_class",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description="tries again after")
    def shown_waits(self, obj: RetryRule) -> str:
        return ", ".join(f"{wait} s" for wait in obj.waits) or "never"
