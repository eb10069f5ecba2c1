"""How long a backend may take to start. Apart, as the command line reads it before all else."""

from __future__ import annotations

START_SECONDS = 30.0
NOTICE_SECONDS = 5.0  # when the reader is told that it takes long
CHANGE_TIMEOUT = "run and doctor: --timeout changes that"
LONGEST_SECONDS = 3600.0


def checked(option: str, seconds: float) -> float:
    """The seconds of an option; ValueError where they are no patience at all, or endless."""
    if not 0 < seconds <= LONGEST_SECONDS:  # NaN is neither
        raise ValueError(
            f"{option} {seconds:g}: write a number above 0, at most {LONGEST_SECONDS:g}"
        )
    return seconds
