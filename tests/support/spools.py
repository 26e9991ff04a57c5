"""A spool of a test's own."""

from pathlib import Path
from typing import Any

from messaging.services import spool


def own_spool(settings: Any, tmp_path: Path) -> Path:
    """Let what the database cannot take be kept in this test's folder, and what that held before be forgotten."""
    settings.SPOOL_DIR = tmp_path / "spool"
    spool._Size.at = 0.0
    return Path(settings.SPOOL_DIR)
