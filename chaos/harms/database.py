"""PostgreSQL: crashed, gone, cut off, slow, locked, and with a full disk."""

import signal
from typing import TYPE_CHECKING

from chaos.system import LeftOut
from omega_project.lib.embedded import places

if TYPE_CHECKING:
    from chaos.nemesis import Nemesis
    from chaos.plan import Step

_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""
_AT_WORK = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user
AND pid <> pg_backend_pid() AND backend_type = 'client backend'
ORDER BY (state = 'active') DESC, query_start DESC LIMIT 3
"""


def postgres_crash(nemesis: "Nemesis", step: "Step") -> None:
    sign = step.chance().choice([signal.SIGQUIT, signal.SIGKILL])
    nemesis.note(
        step, f"postgres: {sign.name}, as an immediate stop" if sign == signal.SIGQUIT else "postgres: SIGKILL"
    )
    for pid in nemesis.system.pids("postgres"):
        nemesis.system.signal(pid, sign)


def postgres_gone(nemesis: "Nemesis", step: "Step") -> None:
    seconds = step.chance().choice([4, 7])
    nemesis.note(step, f"postgres gone for {seconds} s")
    with places.locked(nemesis.system.home):
        for pid in nemesis.system.pids("postgres"):
            nemesis.system.signal(pid, signal.SIGQUIT)
        nemesis.stopping.wait(seconds)


def cut_connections(nemesis: "Nemesis", step: "Step") -> None:
    nemesis.note(step, "every database connection cut, three times")
    for _ in range(3):
        nemesis.system.rows(_CUT)
        if nemesis.stopping.wait(0.7):
            return


def lock_table(nemesis: "Nemesis", step: "Step") -> None:
    seconds = step.chance().choice([1, 3, 6])
    nemesis.note(step, f"the table of conversations locked for {seconds} s")
    nemesis.system.rows(
        f"BEGIN; LOCK TABLE conversations_conversation IN EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT"
    )


def lock_row(nemesis: "Nemesis", step: "Step") -> None:
    seconds = step.chance().choice([3, 6])
    nemesis.note(step, f"ten conversations locked for {seconds} s")
    nemesis.system.rows(
        "BEGIN; SELECT id FROM conversations_conversation ORDER BY last_message_at DESC LIMIT 10 FOR UPDATE;"
        f" SELECT pg_sleep({seconds}); COMMIT"
    )


def slow_statement(nemesis: "Nemesis", step: "Step") -> None:
    """One backend stops in the midst of whatever it does, and goes on some seconds later."""
    found = nemesis.system.rows(_AT_WORK)
    if not found:
        return
    pid = found[step.chance().randrange(1000) % len(found)]["pid"]
    nemesis.note(step, "one database session stopped in its statement for 5 s")
    try:
        nemesis.system.stop_process(pid)
        nemesis.stopping.wait(5.0)
    finally:
        nemesis.system.signal(pid, signal.SIGCONT)


def disk_full(nemesis: "Nemesis", step: "Step") -> None:
    disk = nemesis.system.disk
    if not disk.is_mounted:
        raise LeftOut(disk.why_not)
    nemesis.note(step, "the database's disk full for 5 s")
    disk.fill()
    nemesis.stopping.wait(5.0)
    disk.free()


HARMS = {
    "postgres_crash": postgres_crash, "postgres_gone": postgres_gone, "cut_connections": cut_connections,
    "lock_table": lock_table, "lock_row": lock_row, "slow_statement": slow_statement, "disk_full": disk_full,
}  # fmt: skip
