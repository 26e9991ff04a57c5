"""What can be broken: each fault by its name in the plan, a function of the nemesis and the step."""

from collections.abc import Callable
from typing import Any

from chaos.harms import carrier, database, deployments, processes, queue

HARMS: dict[str, Callable[[Any, Any], None]] = {
    **processes.HARMS, **queue.HARMS, **database.HARMS, **carrier.HARMS, **deployments.HARMS,
}  # fmt: skip
