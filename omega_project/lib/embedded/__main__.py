"""The embedded services by hand: `python -m omega_project.lib.embedded start|stop|erase|pids HOME`."""

import sys
from pathlib import Path

from . import database_url, erase, pids, redis_url, stop


def main(arguments: list[str]) -> int:
    """Run one of the actions and return the exit status."""
    actions = {
        "start": lambda home: f"{database_url(home)}\n{redis_url(home)}",
        "stop": stop,
        "erase": erase,
        "pids": pids,
    }
    if len(arguments) != 2 or arguments[0] not in actions:
        sys.stderr.write(f"usage: python -m omega_project.lib.embedded {'|'.join(actions)} HOME\n")
        return 2
    answer = actions[arguments[0]](Path(arguments[1]))
    sys.stdout.write(f"{answer}\n" if answer else "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
