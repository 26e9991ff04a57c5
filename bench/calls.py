"""Calls: how soon Twilio has its TwiML, at the rate of a busy platform and at the most that there is."""

import itertools
from collections.abc import Iterator

from bench.measures import Measures
from bench.report import Figure, of_rounds
from bench.shots import Shot

RATE, TWIML_MS = 50.0, 15.0
_STAFF = """
INSERT INTO accounts_staff (business_id, name, email, phone, role, availability, notify_by_email, is_active,
    created_at, updated_at)
SELECT %(business)s, 'Bench ' || n, '', '', 'agent', 'available', false, true, now(), now() FROM generate_series(1, 8) n
RETURNING id
"""


class CallMeasures(Measures):
    """The phase of calls."""

    def answers(self) -> None:
        """TwiML for calls of clients and of staff, to and from clients who are known."""
        self.report.head("TwiML")
        self.staff = self._staff()
        for name, title, make in (("in", "in", self._calls_in), ("out", "out", self._calls_out)):
            shots = make()
            paced = [self._rounds(f"twiml-{name}", shots, rate=RATE) for _ in range(self.effort.rounds)]
            figure = of_rounds(f"POST voice-calls/twiml, {title}, {RATE:.0f}/s", paced)
            self.report.add(figure.aim(f"p99 < {TWIML_MS:.0f} ms", met=self._is_met(figure)))
            self.report.add(of_rounds(f"  the same, as many as go ({title})", [self._rounds(f"most-{name}", shots)]))

    @staticmethod
    def _is_met(figure: Figure) -> bool:
        return (figure.p99_ms or 0) < TWIML_MS and figure.rate > 0.95 * RATE

    def _rounds(self, name: str, shots: Iterator[Shot], rate: float = 0.0) -> dict[str, object]:
        """One round: no call is told of twice, since a second telling costs less."""
        count = int((self.effort.seconds + 4) * (rate or 1000.0))
        return self.fire(name, list(itertools.islice(shots, count)), rate=rate)

    def _staff(self) -> list[int]:
        params = {"business": self.armoury.business_id}
        known = self.system.rows(
            "SELECT id FROM accounts_staff WHERE business_id = %(business)s AND is_active LIMIT 8", params
        )
        return [int(row["id"]) for row in known or self.system.rows(_STAFF, params)]

    def _calls_in(self) -> Iterator[Shot]:
        for person in self.armoury.persons():
            yield self._shot({"From": person.phone, "Caller": person.phone, "To": self.armoury.number})

    def _calls_out(self) -> Iterator[Shot]:
        for person, staff in zip(self.armoury.persons(), itertools.cycle(self.staff), strict=False):
            caller = f"client:b{self.armoury.business_id}_s{staff}"
            yield self._shot({"From": caller, "Caller": caller, "To": "", "client_id": str(person.client_id)})

    def _shot(self, ends: dict[str, str]) -> Shot:
        form = {
            "AccountSid": self.system.environment["TWILIO_ACCOUNT_SID"], "ApiVersion": "2010-04-01",
            "CallSid": self.armoury.sid("CA"), "CallStatus": "ringing", "Direction": "inbound", "Called": "",
        }  # fmt: skip
        return self.armoury.signed("/omega/voice-calls/twiml", form | ends)
