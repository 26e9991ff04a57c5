"""Who looks at a conversation or types in it right now: a hint in Redis, told to every open window."""

from dataclasses import asdict, dataclass
from typing import Any

import orjson
from redis.exceptions import RedisError

from omega_project.lib import jobs

# A window says again every few seconds that it is there; who falls silent is gone after so long.
HERE_SECONDS = 25
DOINGS = ("viewing", "typing", "gone")
_CHANNEL, _KEPT = "omega:here:", "omega:present:"


@dataclass(frozen=True, slots=True)
class Presence:
    """What a person does with a conversation. `login` is a log-in's id, `window` tells two windows of one apart."""

    business_id: int
    conversation_id: int
    login: int
    window: str
    name: str
    doing: str


def channel_of(business_id: int | str) -> str:
    """Where the presences of a business are told; of “*”, those of all."""
    return f"{_CHANNEL}{business_id}"


def tell(presence: Presence) -> None:
    """Tell every open window; a Redis that is away loses it, and the next one comes soon."""
    line = jobs.redis_line()
    if line is None:
        return
    key, text = f"{_KEPT}{presence.conversation_id}", orjson.dumps(asdict(presence))
    try:
        with line.pipeline(transaction=False) as batch:
            if presence.doing == "gone":
                batch.hdel(key, presence.window)
            else:
                batch.hset(key, presence.window, orjson.dumps(asdict(presence) | {"at": _now(line)}).decode())
                batch.expire(key, HERE_SECONDS)
            batch.publish(channel_of(presence.business_id), text)
            batch.execute()
    except RedisError as error:
        jobs.redis_failed(error)


def present(conversation_id: int) -> list[dict[str, Any]]:
    """Who was there within the last seconds, for a window that opens."""
    line = jobs.redis_line()
    if line is None:
        return []
    try:
        now, kept = _now(line), line.hvals(f"{_KEPT}{conversation_id}")
    except RedisError as error:
        jobs.redis_failed(error)
        return []
    found: list[dict[str, Any]] = [orjson.loads(one) for one in kept]
    return [one for one in found if now - one["at"] < HERE_SECONDS]


def _now(line: Any) -> int:
    """By Redis's clock: that of several web machines may differ."""
    return int(line.time()[0])
