"""Who is logged in, as in the admin's tests."""

from tests.admin.conftest import _fresh_vocabulary, browser, chromium, operator

__all__ = ["_fresh_vocabulary", "browser", "chromium", "operator"]
