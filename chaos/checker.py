"""The checker: the callers' own notes, the carrier's ledger and omega's rows, laid beside each other.

It uses none of omega's code but the doctor, whose findings stand apart. Each check gives sentences; none means that the
promise was kept.
"""

from collections.abc import Callable, Iterable

from chaos.checks import intake, sends, threads
from chaos.evidence import Evidence

Check = Callable[[Evidence], Iterable[str]]
CHECKS: dict[str, tuple[Check, ...]] = {
    "lost": (sends.lost_sends, intake.lost_intake, threads.assignments),
    "doubled": (sends.doubled_sends, intake.doubled_intake),
    "out of order": (sends.out_of_order,),
    "status gone backwards": (sends.backwards,),
    "sent after opt-out": (sends.after_opt_out,),
    "conversation doubled": (threads.conversation_doubled,),
    "unread or last message wrong": (threads.sums,),
    "another tenant's row touched": (threads.other_tenant,),
    "strange answers": (lambda found: found.strange,),
    "what the doctor finds": (lambda found: found.doctor,),
}


def verdict(found: Evidence) -> dict[str, list[str]]:
    """Every promise with how it was broken."""
    return {name: [line for check in checks for line in check(found)] for name, checks in CHECKS.items()}
