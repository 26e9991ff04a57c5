"""Clients as CSV: out with all that a person asks for, in by the rules of the sync, row by row.

An empty cell empties the field, a column that the file has not stays as it is. What only we say (id, consent, times)
is written out and passed over when it comes in again. Tags are separated by semicolons or commas.
"""

import re
from typing import Any

from import_export import fields, resources
from import_export.results import RowResult

from accounts.models import Business, Client
from accounts.services.sync import MOST_ROWS, sync_clients
from omega_project.lib.api.errors import ApiError, Fault

MOST_IMPORTED = 20_000
OURS = ("id", "business", "consent_sms", "consent_email", "consent_voice", "created_at")
COLUMNS = (
    "id", "external_id", "first_name", "last_name", "phone", "email", "timezone", "locale", "tags",
    "home_location_external_id", "consent_sms", "consent_email", "consent_voice", "created_at",
)  # fmt: skip
SHOWN = ("external_id", "first_name", "last_name", "phone", "email")
PROBLEM = "what is wrong"
# A spreadsheet takes such a cell for a formula; the apostrophe makes it a text, and goes when it comes back.
_FORMULA = re.compile(r"^[=+\-@\t\r]")
_WAS_FORMULA = re.compile(r"^'(?=[=+\-@\t\r])")
_KINDS = {"created": RowResult.IMPORT_TYPE_NEW, "updated": RowResult.IMPORT_TYPE_UPDATE}


def as_cell(text: str) -> str:
    """`text` so that no spreadsheet runs it."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_row(cells: dict[str, Any]) -> dict[str, Any]:
    """A line of the file as a row of the sync; what it says is checked there."""
    return {name: _value(name, cells[name]) for name in cells if name and name not in OURS}


def _value(name: str, cell: Any) -> Any:
    text = _WAS_FORMULA.sub("", str(cell if cell is not None else "").strip())
    if name == "tags":
        return [tag.strip() for tag in re.split("[;,]", text) if tag.strip()]
    if name == "home_location_id" and text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    return text if text or name == "external_id" else None


class ClientResource(resources.ModelResource):
    """The clients of one business (`business`, for coming in), or those of a list (going out)."""

    home_location_external_id = fields.Field(attribute="home_location__external_id", readonly=True)

    class Meta:
        model = Client
        fields = COLUMNS
        export_order = COLUMNS
        import_id_fields = ("external_id",)
        use_transactions = False  # each thousand rows is a transaction of the sync's own
        use_bulk = True  # and no row needs a savepoint

    def __init__(self, business: Business | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.business = business
        self.answers: list[dict[str, Any]] = []

    def filter_export(self, queryset: Any, **kwargs: Any) -> Any:
        return queryset.select_related("home_location")

    def export_field(self, field: Any, instance: Client, **kwargs: Any) -> Any:
        value = super().export_field(field, instance, **kwargs)
        name = self.get_field_name(field)
        if name == "tags":
            value = "; ".join(instance.tags)
        return value if name == "phone" or not isinstance(value, str) else as_cell(value)

    def get_user_visible_fields(self) -> list[Any]:
        """What the page names as columns of a file."""
        return [self.fields[name] for name in COLUMNS if name not in OURS]

    def get_diff_headers(self) -> list[str]:
        return [*SHOWN, PROBLEM]

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Sync all lines, a thousand at a time; `import_row` then tells what became of each."""
        if self.business is None:
            raise ValueError("Choose the business whose clients these are.")
        if len(dataset) > MOST_IMPORTED:
            raise ValueError(f"The file has {len(dataset)} rows; at most {MOST_IMPORTED} are taken at once.")
        rows = [as_row(line) for line in dataset.dict]
        for start in range(0, len(rows), MOST_ROWS):
            self.answers += self._synced(rows[start : start + MOST_ROWS])

    def _synced(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self.business is not None  # noqa: S101
        try:
            found: list[dict[str, Any]] = sync_clients(business_id=self.business.pk, rows=rows)["results"]
        except ApiError as error:
            raise ValueError(error.detail) from error
        return found

    def import_row(self, row: dict[str, Any], instance_loader: Any, **kwargs: Any) -> RowResult:
        number = kwargs["row_number"] - 1
        answer = self.answers[number] if number < len(self.answers) else {"id": None, "outcome": "", "errors": []}
        result = RowResult()
        result.import_type = _KINDS.get(answer["outcome"], RowResult.IMPORT_TYPE_SKIP)
        result.object_id = answer["id"]
        result.instance = self._named(answer["id"], row)
        result.problem = "; ".join(_sentence(fault) for fault in answer["errors"])
        result.diff = [str(row.get(name) or "") for name in SHOWN] + [result.problem]
        return result

    def _named(self, client_id: int | None, row: dict[str, Any]) -> Client | None:
        """Enough of the client for the admin's history."""
        name = str(row.get("first_name") or "")[:255]
        return Client(pk=client_id, business=self.business, first_name=name) if client_id else None


def _sentence(fault: Fault) -> str:
    """A fault of a row, its place in the request left out: a person looks at a file."""
    place = ".".join(str(part) for part in fault["loc"][3:])
    return f"{place} {fault['msg']}".strip()
