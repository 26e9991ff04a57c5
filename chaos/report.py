"""The run for people: what was done, what was broken, how soon it went on, and each promise with how often it broke."""

from collections.abc import Iterator

from chaos.harms import HARMS
from chaos.run import Result

_SHOWN = 8


def table(result: Result) -> str:
    """The whole of it, with the seed that does it again."""
    return "\n".join(_lines(result))


def _lines(result: Result) -> Iterator[str]:
    journal, shape = result.journal, result.plan.shape
    heard = len(journal.heard)
    doubled = sum(1 for one in journal.heard if one.copies > 1)
    burned = f"{shape.seconds:.0f} s of load and faults"
    yield f"seed {result.plan.seed}: {burned}, quiet after {result.settled_in:.0f} s more"
    yield f"{result.sent} sends taken, {heard} texts, mails and calls from clients ({doubled} of them twice)"
    if result.undone:
        yield f"{result.undone} acts were left undone for want of time"
    if result.left_to_people:
        yield f"{result.left_to_people} mails are left to a person: twice nobody could tell whether they were taken"
    yield ""
    faults = {kind: count for kind, count in journal.done.items() if kind in HARMS}
    for title, done in (
        ("acts", {kind: n for kind, n in journal.done.items() if kind not in faults}),
        ("faults", faults),
    ):
        yield f"{title:<12}" + ", ".join(f"{kind} {count}" for kind, count in sorted(done.items()))
    yield from (f"left out    {kind}: {why}" for kind, why in sorted(journal.left_out.items()))
    yield ""
    yield from (str(one) for one in result.recovered)
    yield ""
    yield f"{'promise':<32}{'broken':>6}"
    for name, broken in result.broken.items():
        yield f"{name:<32}{len(broken):>6}"
        yield from (f"    {sentence}" for sentence in broken[:_SHOWN])
    if not result.is_well:
        yield from ("", "The faults:", *journal.faults, "")
        words = f"--seconds {shape.seconds:g} --rate {shape.rate:g}{' --reach' if shape.reach else ''}"
        yield f"Again: make chaos SEED={result.plan.seed} ARGS='{words}'"
