"""How much is tried: profiles, and their division into parts that any process can take."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from conformance.engine.kind import Kind
from conformance.engine.kinds import Kinds
from conformance.suggestions import did_you_mean

MAX_SEED = 2**32 - 1
MAX_EXAMPLES = 10_000_000
# Small enough to share out evenly, large enough that beginning one does not count.
PART = 100


@dataclass(frozen=True)
class Profile:
    """Sequences of the first kind, trials of each of its laws, and of a kind's own search.

    `others` are the sequences of each other kind, and `few` the trials of its laws. `fixed` has
    seed 0 unless another is given.
    """

    sequences: int
    trials: int
    own: int
    others: int
    few: int
    fixed: bool = False


PROFILES = {
    "quick": Profile(200, 20, 200, others=10, few=3, fixed=True),
    "default": Profile(2000, 60, 500, others=400, few=30),
    "thorough": Profile(20000, 300, 3000, others=4000, few=150),
}


class Tries(Enum):
    """What a part tries."""

    LAW = "a law"
    SEQUENCES = "sequences of operations"
    OWN = "what a kind has of its own"


@dataclass(frozen=True)
class Part:
    """A law, some of the sequences of a kind, or some of its own search; `seed` and `count` say
    what is drawn, wherever it runs.
    """

    id: str
    kind: str
    tries: Tries
    seed: int
    count: int
    law: str = ""


@dataclass(frozen=True)
class PropertyChoice:
    """What of the properties is asked for: a profile with its seed.

    `examples` replaces its number of sequences.
    """

    profile: str
    seed: int
    examples: int | None = None

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(
                f"no profile is called {self.profile!r}; the profiles are {', '.join(PROFILES)}"
                f"{did_you_mean(self.profile, PROFILES, 1)}"
            )
        if not 0 <= self.seed <= MAX_SEED:
            raise ValueError(f"--seed {self.seed}: write a number from 0 to {MAX_SEED}")
        if self.examples is not None and not 1 <= self.examples <= MAX_EXAMPLES:
            raise ValueError(f"--examples {self.examples}: write a number from 1 to {MAX_EXAMPLES}")

    @property
    def sequences(self) -> int:
        """Sequences of the first kind, in all parts together."""
        return self.examples or PROFILES[self.profile].sequences

    @property
    def others(self) -> int:
        """Sequences of each other kind, in all parts together."""
        return self.examples or PROFILES[self.profile].others

    def parts(self, kinds: Kinds) -> list[Part]:
        """The laws, the sequences, then what kinds have of their own; the same whoever asks, and
        however many share them out.
        """
        from conformance.properties.kind_properties import laws_of, properties_of

        profile = PROFILES[self.profile]
        drawn = [kind for kind in kinds if properties_of(kind).drawing is not None]
        first = drawn[0] if drawn else None
        made = []
        for name, (kind, _) in laws_of(kinds).items():
            trials = profile.trials if kind is first else profile.few
            seed = derived(self.seed, name)
            made.append(Part(f"law-{name}", kind.name, Tries.LAW, seed, trials, name))
        for kind in drawn:
            # The parts of the first kind are not named after it.
            name = "sequences" if kind is first else f"{kind.name}-sequences"
            whole = self.sequences if kind is first else self.others
            made += self._parts(name, kind, Tries.SEQUENCES, whole)
        for kind in kinds:
            if properties_of(kind).own is not None:
                made += self._parts(kind.name, kind, Tries.OWN, profile.own)
        return made

    def _parts(self, name: str, kind: Kind, tries: Tries, whole: int) -> Iterator[Part]:
        count = -(-whole // PART)
        for number in range(1, count + 1):
            size = min(PART, whole - PART * (number - 1))
            seed = derived(self.seed, f"{name} {number}")
            yield Part(f"{name}-{number}-of-{count}", kind.name, tries, seed, size)

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
