"""How much is tried: profiles, and their division into parts that any process can take."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

MAX_SEED = 2**32 - 1
MAX_EXAMPLES = 10_000_000
# Small enough to share out evenly, large enough that beginning one does not count.
PART = 100


@dataclass(frozen=True)
class Profile:
    """Sequences in all, trials of each law, and contents of files; `fixed` has seed 0 unless
    another is given.
    """

    sequences: int
    trials: int
    files: int
    fixed: bool = False


PROFILES = {
    "quick": Profile(200, 20, 200, fixed=True),
    "default": Profile(2000, 60, 500),
    "thorough": Profile(20000, 300, 3000),
}


@dataclass(frozen=True)
class Part:
    """A law, some of the sequences, or some contents of `files`; `seed` and `count` say what is
    drawn, wherever it runs.
    """

    id: str
    seed: int
    count: int
    law: str | None = None
    files: bool = False


@dataclass(frozen=True)
class Order:
    """A profile with its seed; `examples` replaces its number of sequences."""

    profile: str
    seed: int
    examples: int | None = None

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(
                f"no profile is called {self.profile!r}; the profiles are {', '.join(PROFILES)}"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f"--seed {self.seed}: write a number from 0 to {MAX_SEED}")
        if self.examples is not None and not 1 <= self.examples <= MAX_EXAMPLES:
            raise ValueError(f"--examples {self.examples}: write a number from 1 to {MAX_EXAMPLES}")

    @property
    def sequences(self) -> int:
        """Sequences of all parts together."""
        return self.examples or PROFILES[self.profile].sequences

    def parts(self) -> list[Part]:
        """The laws, then the sequences; the same whoever asks, and however many share them out."""
        from conformance.kinds.slots.laws import LAWS

        trials = PROFILES[self.profile].trials
        made = [Part(f"law-{law}", derived(self.seed, law), trials, law) for law in LAWS]
        count = -(-self.sequences // PART)
        for number in range(1, count + 1):
            size = min(PART, self.sequences - PART * (number - 1))
            seed = derived(self.seed, f"sequences {number}")
            made.append(Part(f"sequences-{number}-of-{count}", seed, size))
        return made

    def file_parts(self) -> list[Part]:
        """Contents that are saved and loaded; they need operations of their own."""
        count = PROFILES[self.profile].files // PART
        return [Part(f"files-{number}-of-{count}", derived(self.seed, f"files {number}"), PART,
                     files=True) for number in range(1, count + 1)]  # fmt: skip

    @property
    def words(self) -> str:
        """Whose it is, for a reader."""
        return f"profile {self.profile}, seed {self.seed}"

    def options(self) -> tuple[str, ...]:
        """As the command line spells them."""
        more = () if self.examples is None else ("--examples", str(self.examples))
        return ("--properties", self.profile, "--seed", str(self.seed), *more)


def derived(seed: int, name: str) -> int:
    """The seed of one part."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
