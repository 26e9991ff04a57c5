"""Failpoints: what is armed acts where and as often as it says, and nothing acts where DEBUG is off."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from omega_project.lib import failpoints


@pytest.fixture(autouse=True)
def nothing_armed() -> Iterator[None]:
    yield
    failpoints.arm("")


def test_the_named_visit_acts_and_no_other():
    failpoints.arm("a.b:raise:2")
    failpoints.hit("a.b")
    failpoints.hit("other")
    with pytest.raises(failpoints.Failed):
        failpoints.hit("a.b")
    failpoints.hit("a.b")


def test_a_star_acts_each_time_where_the_word_is_spoken_of():
    failpoints.arm("a.b:raise:*:POISON,c.d:raise")
    failpoints.hit("a.b", "a good text")
    for _ in range(2):
        with pytest.raises(failpoints.Failed):
            failpoints.hit("a.b", "the POISON in it")
    with pytest.raises(failpoints.Failed):
        failpoints.hit("c.d")


def test_a_file_in_a_folder_acts_once_in_all_processes(tmp_path: Path):
    failpoints.arm(f"@{tmp_path}")
    failpoints.hit("a.b")
    (tmp_path / "a.b").write_text("raise")
    with pytest.raises(failpoints.Failed):
        failpoints.hit("a.b")
    failpoints.hit("a.b")
    (tmp_path / "a.b").write_text("raise:POISON:*")
    failpoints.hit("a.b", "a good text")
    for _ in range(2):
        with pytest.raises(failpoints.Failed):
            failpoints.hit("a.b", "the POISON in it")


def _run(code: str, **environment: str) -> int:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run([sys.executable, "-c", code], env=kept | environment, check=False, timeout=30).returncode


def test_kill_ends_the_process_at_once():
    code = "from omega_project.lib import failpoints as f; f.arm('a:kill:1'); f.hit('a'); print('still here')"
    assert _run(code) == -signal.SIGKILL


def test_the_environment_is_heard_only_under_debug():
    read = "import os, sys; from django.conf import settings; sys.exit(7 if settings.FAILPOINTS else 0)"
    environment = {name: os.environ[name] for name in os.environ if name.isupper()} | {
        "DJANGO_SETTINGS_MODULE": "omega_project.settings", "FAILPOINTS": "a:kill:1", "DATABASE_URL": "postgres://a/b",
        "REDIS_URL": "redis://a",
    }  # fmt: skip
    assert _run(read, **environment | {"DEBUG": "true"}) == 7
    assert _run(read, **environment | {"DEBUG": "false", "MEDIA_STORAGE_URL": "file:///tmp"}) == 0
