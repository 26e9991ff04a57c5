"""Real audio for recordings: a soft beat, its pitch different in each, as long as the recording."""

import math
import wave
from array import array
from functools import lru_cache
from io import BytesIO
from pathlib import Path

RATE = 8000
LOUDNESS = 70
MP3_SECOND = Path(__file__).parent / "second.mp3"  # one second of the same, encoded once


@lru_cache(maxsize=16)
def _second(hertz: int) -> bytes:
    """One second, 8 bits unsigned: a tone that fades, so that the seconds can be counted by ear."""
    return array(
        "B",
        (
            128 + round(LOUDNESS * math.exp(-6 * at / RATE) * math.sin(2 * math.pi * hertz * at / RATE))
            for at in range(RATE)
        ),
    ).tobytes()


def wav(seconds: int, hertz: int = 440) -> bytes:
    """A WAV file, 8 kHz mono."""
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(RATE)
        out.writeframes(_second(hertz) * max(seconds, 1))
    return file.getvalue()


def mp3(seconds: int) -> bytes:
    """An MP3 file, 16 kHz mono; its frames stand on their own, so that seconds can be joined."""
    return MP3_SECOND.read_bytes() * max(seconds, 1)
