"""What the wall between businesses costs from end to end: the same requests at a web with it, and at one without it."""

import itertools
from collections.abc import Callable
from statistics import median

from bench.logins import cookies_of
from bench.measures import ALONE, Measures
from bench.report import Figure, of_rounds
from bench.shots import Shot
from bench.volleys import SECURE
from tools import probes, programs

# The most that all requests together cost the processors beside the same without the wall.
MOST = 1.05
_ROUNDS, _SECONDS, _WRITES = 5, 1.0, 400


class WallMeasures(Measures):
    """The phase of the wall."""

    def wall(self) -> None:
        """Each kind of request in turn with and without, so that other work on the machine strikes both alike."""
        self.report.head(f"The wall between businesses, {ALONE} connections")
        port = probes.free_port()
        self.system.other_ports["open"] = port
        program = programs.Program("open", "web", programs.web(port).words, forks=True)
        self.system.start(program, lambda: probes.answers(port, "/omega/health"), DATABASE_WALL_ROLE="")
        ratios = [self._pair(name, make) for name, make in self._kinds().items()]
        self.system.end("open")
        mean = sum(ratios) / len(ratios)
        figure = Figure("all of them, processors' time with to without", mean, "x")
        self.report.add(figure.aim(f"<= {MOST}x", met=mean <= MOST))

    def _kinds(self) -> dict[str, Callable[[], list[Shot]]]:
        (cookie,) = cookies_of(self.system, "bench-owner", owner_of=self.armoury.business_id)
        own, page = f"/omega/businesses/{self.armoury.business_id}", (("Cookie", cookie), SECURE)
        some = list(itertools.islice(self.armoury.persons(), 50))
        return {
            "POST sms/queue": lambda: self.armoury.queue(_WRITES),
            "POST twilio/sms/reply": lambda: self.armoury.inbound(_WRITES),
            "GET conversations": lambda: self.armoury.inbox(10),
            "GET templates": lambda: [self.armoury.get(f"{own}/templates")] * 20,
            "GET a client's consent": lambda: [
                self.armoury.get(f"{own}/clients/{one.client_id}/consent") for one in some
            ],
            "the admin's inbox, an owner's": lambda: [Shot("GET", "/admin/inbox/", page)] * 20,
            "the admin's clients, an owner's": lambda: [Shot("GET", "/admin/accounts/client/", page)] * 20,
        }

    def _pair(self, name: str, make: Callable[[], list[Shot]]) -> float:
        cycle, seconds = not name.startswith("POST"), min(self.effort.seconds, _SECONDS)
        outcomes: dict[str, list[dict[str, float]]] = {"web": [], "open": []}
        for number in range(_ROUNDS):
            for at in sorted(outcomes, reverse=bool(number % 2)):
                outcome = self.fire("wall", make(), at=at, cycle=cycle, connections=ALONE, seconds=seconds)
                outcomes[at].append(outcome)
        figure = of_rounds(name, outcomes["web"], bound="the same without the wall")
        figure.share = _cost(outcomes["web"]) / _cost(outcomes["open"])
        figure.note = f"p50 without it: {median(one['p50_ms'] for one in outcomes['open']):.2f} ms"
        self.report.add(figure)
        return figure.share


def _cost(outcomes: list[dict[str, float]]) -> float:
    """The processors' milliseconds of a request, the program's and the database's."""
    return median(one["program_ms"] + one["database_ms"] for one in outcomes)
