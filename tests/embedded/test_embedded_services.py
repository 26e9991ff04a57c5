"""The embedded services come up once for everybody, outlive whoever started them, and survive a crash."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import environ
import psycopg
import pytest
import redis

from omega_project.lib import embedded
from omega_project.lib.embedded import processes

ROOT = Path(__file__).parents[2]
START_AND_STAY = """
import sys, time
from omega_project.lib.embedded.__main__ import main
main(sys.argv[1:])
time.sleep(60)
"""
START = [sys.executable, "-m", "omega_project.lib.embedded", "start"]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home that every user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="omega-test-"))
    folder.chmod(0o755)
    yield folder / "home"
    embedded.erase(folder / "home")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def running(home: Path) -> Path:
    """The home, its services running."""
    embedded.database_url(home)
    embedded.redis_url(home)
    return home


def ask(url: str, question: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        return str(connection.execute(question).fetchone()[0])


def servers(home: Path) -> list[int]:
    found = processes.find("postgres", [f"-D {(home / 'postgres').resolve()}/data"])
    return found + processes.find("valkey-server", [str(home)])


def test_ten_callers_at_once_get_one_server_of_each_kind(home: Path) -> None:
    callers = [subprocess.Popen([*START, home], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(10)]
    answers = {caller.communicate(timeout=60)[0] for caller in callers}
    assert len(answers) == 1
    assert [caller.returncode for caller in callers] == [0] * 10
    assert sorted(servers(home)) == sorted(embedded.pids(home).values())


def test_the_urls_serve_django_psycopg_and_redis(running: Path) -> None:
    url = embedded.database_url(running)
    config = environ.Env.db_url_config(url)
    assert (config["NAME"], config["USER"]) == ("omega", "omega")
    with psycopg.connect(dbname=config["NAME"], user=config["USER"], **config["OPTIONS"]) as connection:
        assert connection.info.server_version >= 180000
    assert redis.from_url(embedded.redis_url(running)).ping()


def test_a_commit_is_on_the_disk(running: Path) -> None:
    url = embedded.database_url(running)
    asked = {name: ask(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")}
    assert set(asked.values()) == {"on"}


def test_nobody_can_connect_over_the_network(running: Path) -> None:
    assert ask(embedded.database_url(running), "SHOW listen_addresses") == ""
    assert redis.from_url(embedded.redis_url(running)).config_get("port") == {"port": "0"}


def test_asking_again_is_cheap(running: Path) -> None:
    started = time.perf_counter()
    for _ in range(10):
        embedded.database_url(running)
        embedded.redis_url(running)
    assert (time.perf_counter() - started) / 10 < 0.05


def test_another_database_is_made_on_demand(running: Path) -> None:
    assert ask(embedded.database_url(running, "another"), "SELECT current_database()") == "another"


def test_services_outlive_a_killed_starter(running: Path) -> None:
    embedded.stop(running)
    words = [sys.executable, "-c", START_AND_STAY, "start", str(running)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as starter:
        starter.stdout.readline()
        starter.stdout.readline()
        before = embedded.pids(running)
        os.killpg(starter.pid, signal.SIGKILL)
    assert set(before) == {"postgres", "redis"}
    assert ask(embedded.database_url(running), "SELECT 1") == "1"
    assert embedded.pids(running) == before


def test_a_killed_server_comes_back_with_its_data(running: Path) -> None:
    url = embedded.database_url(running)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'this' AS word")
    killed = embedded.pids(running)
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    assert ask(embedded.database_url(running), "SELECT word FROM kept") == "this"
    assert redis.from_url(embedded.redis_url(running)).ping()
    assert not set(killed.values()) & set(embedded.pids(running).values())


def test_a_stale_pid_file_that_names_another_program_is_no_obstacle(running: Path) -> None:
    embedded.stop(running)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        lines = f"{stranger.pid}\n{running}/postgres/data\n1\n5432\n/nowhere\n\n1 1\nready   \n"
        (running / "postgres/data/postmaster.pid").write_text(lines)
        (running / "redis/valkey.pid").write_text(f"{stranger.pid}\n")
        assert embedded.pids(running) == {}
        assert ask(embedded.database_url(running), "SELECT 1") == "1"
        assert redis.from_url(embedded.redis_url(running)).ping()
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_lost_its_socket_is_replaced(running: Path) -> None:
    for lost in (*running.glob("postgres/socket/.s*"), *running.glob("redis/socket/*")):
        lost.unlink()
    assert ask(embedded.database_url(running), "SELECT 1") == "1"
    assert redis.from_url(embedded.redis_url(running)).ping()
    assert sorted(servers(running)) == sorted(embedded.pids(running).values())


def test_stop_stops_both_and_can_be_repeated(running: Path) -> None:
    embedded.database_url(running)
    embedded.stop(running)
    embedded.stop(running)
    assert embedded.pids(running) == {}
    assert servers(running) == []


def test_a_home_closed_to_others_and_deep_down_works(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 30) / "home of omega"
    home.parent.mkdir()
    tmp_path.chmod(0o700)
    try:
        assert ask(embedded.database_url(home), "SELECT 1") == "1"
        assert redis.from_url(embedded.redis_url(home)).ping()
        # Only root, who may not run PostgreSQL itself, has to move the data to where another user gets.
        assert (home / "postgres").is_symlink() == (os.geteuid() == 0)
        moved = (home / "postgres").resolve()
    finally:
        embedded.erase(home)
    assert not moved.exists()
