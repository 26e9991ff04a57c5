"""The inbox of the admin: its pages as a browser asks for them, and two hundred windows that hear what happens."""

import selectors
import socket
import time

from bench.logins import cookies_of
from bench.measures import Measures
from bench.report import Figure, of_rounds
from bench.shots import Shot
from bench.system import Failed
from bench.volleys import SECURE
from tools import probes, programs

PAGE_MS, WINDOWS, WINDOWS_MB, TOLD_MS = 150.0, 200, 300.0, 1000.0
# A log-in may have thirty windows open.
LOGINS = 8
_SECONDS = 20.0


class InboxMeasures(Measures):
    """The phase of the inbox."""

    def inbox(self) -> None:
        """Pages, then windows."""
        self.cookies = cookies_of(self.system, *(f"bench{number}" for number in range(LOGINS)))
        count = self.system.rows("SELECT count(*) AS n FROM conversations_conversation")[0]["n"]
        self.report.head(f"The inbox at {count:,} conversations, one at a time")
        for name, path in self._paths().items():
            shot = Shot("GET", path, (("Cookie", self.cookies[0]), SECURE))
            outcome = self.fire("inbox", [shot] * 10, cycle=True, connections=1, seconds=min(self.effort.seconds, 3.0))
            figure = of_rounds(name, [outcome])
            self.report.add(figure.aim(f"p99 < {PAGE_MS:.0f} ms", met=outcome["p99_ms"] < PAGE_MS))
        self._windows()

    def _paths(self) -> dict[str, str]:
        business = f"business={self.armoury.business_id}"
        longest = max(self.armoury.people, key=lambda one: one.messages)
        thread = f"/admin/inbox/{longest.conversation_id}"
        return {
            "the page": f"/admin/inbox/?{business}",
            "its list, nobody's": f"/admin/inbox/rows/?{business}&folder=unassigned",
            "its list, closed ones": f"/admin/inbox/rows/?{business}&folder=closed",
            "its list, by a label": f"/admin/inbox/rows/?{business}&label=vip",
            f"a thread of {longest.messages:,} messages": f"{thread}/thread/",
            "its client": f"{thread}/side/",
        }

    def _windows(self) -> None:
        self.report.head(f"{WINDOWS} live windows")
        port = probes.free_port()
        self.system.start(programs.live(port), lambda: probes.answers(port, "/health"))
        windows = [self._window(port, number) for number in range(WINDOWS)]
        _wait(windows, b"retry: ")
        began = time.monotonic()
        self.fire("heard", self.armoury.inbound(1), connections=1)
        self.report.add(self._told(windows, began))
        memory = sum(self.system.peak_memory("live"))
        figure = Figure("memory of live, its windows open", memory, " MB")
        self.report.add(figure.aim(f"< {WINDOWS_MB:.0f} MB", met=memory < WINDOWS_MB))
        for window in windows:
            window.close()
        self.system.end("live")

    def _told(self, windows: list[socket.socket], began: float) -> Figure:
        _wait(windows, b"event: changes")
        took = 1000 * (time.monotonic() - began)
        return Figure("until all have heard of a text, firing it included", took, " ms").aim(
            f"< {TOLD_MS:.0f} ms", met=took < TOLD_MS
        )

    def _window(self, port: int, number: int) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        path = f"/admin/inbox/live/?business={self.armoury.business_id}"
        cookie = self.cookies[number % LOGINS]
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode())
        return line


def _wait(windows: list[socket.socket], wanted: bytes) -> None:
    """Until each has been sent what is wanted."""
    deadline, heard = time.monotonic() + _SECONDS, dict.fromkeys(windows, b"")
    with selectors.DefaultSelector() as chosen:
        for window in windows:
            chosen.register(window, selectors.EVENT_READ)
        while chosen.get_map():
            if time.monotonic() > deadline:
                raise Failed(f"{len(chosen.get_map())} windows did not hear {wanted.decode()!r}.")
            for key, _ in chosen.select(timeout=0.5):
                window = windows[windows.index(key.fileobj)]  # type: ignore[arg-type]
                heard[window] += window.recv(65536)
                if wanted in heard[window]:
                    chosen.unregister(window)
