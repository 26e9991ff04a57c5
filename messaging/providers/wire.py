"""HTTP as the providers' SDKs should do it: connections kept, real time-outs, and an answer that is bounded.

It tells apart what surely never left from what may have arrived: only the first may be sent again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import certifi
import urllib3

from messaging.providers.base import CONNECT_SECONDS

_MOST_ANSWER = 1 << 20


class CutOff(Exception):
    """The line broke, or time ran out, when the request may have left."""


class NeverLeft(Exception):
    """No connection came about: the request surely did not leave."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Wire:
    """A pool of connections, used by all the threads that send."""

    def __init__(self, pool_size: int) -> None:
        self._pool = urllib3.PoolManager(
            num_pools=4, maxsize=pool_size, retries=False, ca_certs=certifi.where(), cert_reqs="CERT_REQUIRED"
        )

    def exchange(
        self,
        method: str,
        url: str,
        body: str | bytes | None,
        headers: Mapping[str, str],
        seconds: float,
        upload_seconds: float = 0.0,
    ) -> Answer:
        """One request and its answer within `seconds`, and as many more as its upload may take.

        Raises NeverLeft or CutOff. Redirects are not followed.
        """
        ends = time.monotonic() + seconds + upload_seconds
        # urllib3 holds the request's bytes to the time for connecting.
        limits = urllib3.Timeout(connect=CONNECT_SECONDS + upload_seconds, read=seconds)
        try:
            answer = self._pool.request(
                method, url, body=body, headers=headers, timeout=limits, preload_content=False, redirect=False
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise NeverLeft(str(error)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise CutOff(_reason(error)) from error
        return Answer(answer.status, _read(answer, ends), answer.headers)


def _reason(error: Exception) -> str:
    return "no answer in time" if isinstance(error, urllib3.exceptions.TimeoutError) else f"the line was cut: {error}"


def _read(answer: Any, ends: float) -> bytes:
    """The body, at most 1 MiB, within the deadline: an answer that drips a byte at a time does not hold a worker."""
    chunks, size = [], 0
    try:
        for chunk in answer.stream(65536):
            chunks.append(chunk)
            size += len(chunk)
            if time.monotonic() > ends or size > _MOST_ANSWER:
                answer.close()
                raise CutOff("the answer took too long or was too large")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise CutOff(_reason(error)) from error
    answer.release_conn()
    return b"".join(chunks)
