"""requirements.lock has all that requirements.txt asks for, in its version, and each package by hashes."""

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.programs import ROOT

WANTED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def locked():
    """By name: the version, and how many hashes."""
    entries = re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text())
    found = [entry for entry in entries if not entry.startswith("#")]
    read = [(Requirement(re.split(r" \\\n", entry)[0]), entry.count("--hash=sha256:")) for entry in found]
    return {canonicalize_name(one.name): (str(one.specifier).removeprefix("=="), hashes) for one, hashes in read}


def test_what_is_asked_for_is_locked_in_its_version():
    wanted = WANTED.findall((ROOT / "requirements.txt").read_text())
    assert len(wanted) > 30
    in_lock = locked()
    wrong = [f"{name}=={version}" for name, version in wanted if in_lock.get(canonicalize_name(name), "")[0] != version]
    assert not wrong, f"run make lock: {wrong}"


def test_every_package_is_known_by_its_hashes_and_no_index_is_named():
    in_lock = locked()
    assert len(in_lock) > 60
    assert [name for name, (_, hashes) in in_lock.items() if not hashes] == []
    assert "://" not in (ROOT / "requirements.lock").read_text()
