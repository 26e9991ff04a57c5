"""A clock that is off, for a process that has this folder in its PYTHONPATH: Python reads this file before any other.

`CHAOS_CLOCK_OFF` is in seconds. Only what tells the time of day is moved; deadlines go by the monotonic clock, which
nobody sets.
"""

import os
import time

import time_machine

time_machine.travel(time.time() + float(os.environ["CHAOS_CLOCK_OFF"]), tick=True).start()
