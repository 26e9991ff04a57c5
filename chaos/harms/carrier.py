"""The carrier: it refuses, breaks, talks nonsense, keeps silent, accepts and cuts; its reports go astray."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaos.nemesis import Nemesis
    from chaos.plan import Step

MODES = (
    "429", "500", "502", "503", "garbage", "garbage accepted", "empty", "timeout", "slow", "drip", "cut",
    "accept_then_cut", "reject",
)  # fmt: skip
_CALM = {"mode": "none", "rate": 1.0, "latency_ms": 20}


def carrier(nemesis: "Nemesis", step: "Step") -> None:
    chance = step.chance()
    mode, _, accepted = chance.choice(MODES).partition(" ")
    rate = chance.choice([0.1, 0.3, 0.6])
    whose = chance.choice(["twilio", "twilio", "sendgrid"]) if mode != "reject" else "twilio"
    fault: dict[str, Any] = {
        "mode": mode,
        "rate": rate,
        "latency_ms": 20,
        "slow_ms": 12_000,
        "accepted": bool(accepted),
    }
    if mode == "reject":
        fault["code"] = 30003  # accepted, then reported as undelivered; worth a retry by hand
    nemesis.note(step, f"{whose}: {mode}{' ' + accepted if accepted else ''} at {rate}")
    nemesis.system.carrier("PUT", "/faults", {whose: fault})
    nemesis.stopping.wait(chance.uniform(1.0, 4.0))
    nemesis.system.carrier("PUT", "/faults", {whose: _CALM})


def callbacks(nemesis: "Nemesis", step: "Step") -> None:
    """Twice, shuffled, late, before the send's own answer, and a few never."""
    chance = step.chance()
    fault = {
        "duplicate": chance.choice([0.3, 1]), "shuffle": chance.choice([True, False]),
        "delay_ms": chance.choice([0, 500, 3000]), "before_response": chance.choice([True, False]),
        "drop": chance.choice([0, 0, 0.1]),
    }  # fmt: skip
    told = ", ".join(f"{name} {value}" for name, value in fault.items() if value)
    nemesis.note(step, f"callbacks: {told}")
    nemesis.system.carrier("PUT", "/faults", {"callbacks": fault})


HARMS = {"carrier": carrier, "callbacks": callbacks}
