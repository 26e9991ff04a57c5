"""Calls omega as a carrier does: signed, with the overrides and retries of Twilio's webhooks."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urljoin
from uuid import uuid4

import aiohttp
from yarl import URL

from sandbox.signing import TwilioSigner

MOST_AT_ONCE = 32
ANSWER_LIMIT = 64 * 1024
MOST_RETRIES = 5
CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 5.0, 15.0, 15.0
RETRY_PAUSE_SECONDS = 0.1
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
AGENT = "TwilioProxy/1.1"
NEVER_CONNECTED, READ_TIMED_OUT = "ct", "rt"

logger = logging.getLogger(__name__)

Params = list[tuple[str, str]]


@dataclass(slots=True)
class Answer:
    """What a webhook answered; `status` is None where nobody did: `why` is the override's word for it."""

    status: int | None = None
    body: str = ""
    content_type: str = ""
    attempts: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Twilio's connection overrides, from the URL's fragment: `#rc=3&rp=5xx,ct,rt&ct=..&rt=..&tt=..` (ms).

    Defaults as documented (webhooks-connection-overrides): one retry, and only where no connection was made.
    """

    retries: int = 1
    policies: frozenset[str] = frozenset({NEVER_CONNECTED})
    connect: float = CONNECT_SECONDS
    read: float = READ_SECONDS
    total: float = TOTAL_SECONDS

    @classmethod
    def of(cls, fragment: str) -> "Overrides":
        """Read a fragment; what makes no sense keeps its default."""
        if not fragment:
            return DEFAULTS
        given = dict(parse_qsl(fragment))
        policies = frozenset(given.get("rp", "").split(",")) - {""}
        return cls(
            retries=min(_number(given.get("rc"), 1), MOST_RETRIES),
            policies=policies or frozenset({NEVER_CONNECTED}),
            connect=min(_number(given.get("ct"), 5000) / 1000, 10.0),
            read=min(_number(given.get("rt"), 15000) / 1000, READ_SECONDS),
            total=min(_number(given.get("tt"), 15000) / 1000, TOTAL_SECONDS),
        )

    def ask_again(self, answer: Answer) -> bool:
        """Whether the policy retries after this answer."""
        if answer.status is None:
            return answer.why in self.policies or "all" in self.policies
        if answer.status < 400:
            return False
        return f"{answer.status // 100}xx" in self.policies or "all" in self.policies


DEFAULTS = Overrides()


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default


class Caller:
    """One pooled client for all webhooks; at most MOST_AT_ONCE are under way, the rest wait their turn."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._waiting: deque[Callable[[], Awaitable[object]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Make the client; needs the running loop."""
        connector = aiohttp.TCPConnector(limit=MOST_AT_ONCE, keepalive_timeout=20)
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=True,
            headers={"User-Agent": AGENT, "Accept": "*/*"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Drop what waits and close the client."""
        self._waiting.clear()
        for task in list(self._tasks):
            task.cancel()
        if self._session:
            await self._session.close()

    def enqueue(self, job: Callable[[], Awaitable[object]]) -> None:
        """Run a job (a function that makes a coroutine) in its turn."""
        self._waiting.append(job)
        if len(self._tasks) < MOST_AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        while self._waiting:
            try:
                await self._waiting.popleft()()
            except Exception:
                logger.exception("A callback's job failed; the next one goes on.")

    async def call(self, url: str, params: Params, signer: TwilioSigner, method: str = "POST") -> Answer:
        """Send a signed form, with retries as the URL's fragment asks. Never raises for the network.

        With GET the form goes into the query, and the signature is over that.
        """
        address, _, fragment = url.partition("#")
        if method == "GET":
            address, params = f"{address}{'&' if '?' in address else '?'}{urlencode(params)}", []
        overrides = Overrides.of(fragment)
        headers = {"I-Twilio-Idempotency-Token": str(uuid4())}
        answer, deadline = Answer(), time.monotonic() + overrides.total
        for attempt in range(overrides.retries + 1):
            answer = await self._attempt(method, address, params, signer, headers, overrides, deadline)
            answer.attempts = attempt + 1
            if not overrides.ask_again(answer) or time.monotonic() + RETRY_PAUSE_SECONDS > deadline:
                break
            await asyncio.sleep(RETRY_PAUSE_SECONDS)
        return answer

    async def _attempt(
        self,
        method: str,
        url: str,
        params: Params,
        signer: TwilioSigner,
        headers: dict[str, str],
        overrides: Overrides,
        deadline: float,
    ) -> Answer:
        left = max(deadline - time.monotonic(), 0.001)
        timeout = aiohttp.ClientTimeout(total=left, sock_connect=overrides.connect, sock_read=overrides.read)
        try:
            return await self._follow(method, url, params, signer, headers, timeout)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError, aiohttp.InvalidURL):
            return Answer(why=NEVER_CONNECTED)
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return Answer(why=READ_TIMED_OUT)

    async def _follow(
        self,
        method: str,
        url: str,
        params: Params,
        signer: TwilioSigner,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> Answer:
        """A 301 or 302 is followed with GET and without the params, as Twilio does (a trap worth meeting)."""
        for _hop in range(5):
            signed = {**headers, "X-Twilio-Signature": signer.sign(url, params)}
            if method == "POST":
                signed["Content-Type"] = FORM
            data = urlencode(params).encode() if method == "POST" else None
            async with self.session.request(
                method,
                URL(url, encoded=True),
                data=data,
                headers=signed,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status not in {301, 302} or "Location" not in response.headers:
                    body = (await response.read())[:ANSWER_LIMIT]
                    return Answer(response.status, body.decode("utf-8", "replace"), response.content_type)
                url, method, params = urljoin(url, response.headers["Location"]), "GET", []
        return Answer(why=READ_TIMED_OUT)

    async def post(self, url: str, data: bytes, headers: dict[str, str]) -> Answer:
        """POST bytes as SendGrid does: once, and no redirect is followed. Never raises for the network."""
        timeout = aiohttp.ClientTimeout(total=READ_SECONDS, sock_connect=CONNECT_SECONDS)
        try:
            async with self.session.post(
                URL(url, encoded=True), data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = (await response.read())[:ANSWER_LIMIT]
                return Answer(response.status, body.decode("utf-8", "replace"), response.content_type, 1)
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return Answer(why=NEVER_CONNECTED, attempts=1)

    async def fetch(self, url: str) -> Answer:
        """GET a page as a scanner does, no redirect followed. Never raises for the network."""
        timeout = aiohttp.ClientTimeout(total=READ_SECONDS, sock_connect=CONNECT_SECONDS)
        try:
            async with self.session.get(URL(url), timeout=timeout, allow_redirects=False) as response:
                body = (await response.read())[:ANSWER_LIMIT]
                return Answer(response.status, body.decode("utf-8", "replace"), response.content_type, 1)
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return Answer(why=NEVER_CONNECTED, attempts=1)

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pooled client."""
        if self._session is None:
            raise RuntimeError("The caller is not open yet.")
        return self._session
