"""Slot caches of a few lines, shaped like mlx-lm's, for tests of what drives them."""

import os
import subprocess

import mlx.core as mx

print("tiny is being imported")


class Tiny:
    """Slots and nothing else."""

    def __init__(self, size, left_padding=None):
        self.cache = [None] * size
        self.left_padding = None if left_padding is None else mx.array(left_padding)
        self.lengths = None

    def __getitem__(self, index):
        return self.cache[index]

    def __setitem__(self, index, value):
        self.cache[index] = value

    @property
    def state(self):
        return self.cache

    @state.setter
    def state(self, value):
        self.cache = value


class Wrong(Tiny):
    """One slot too many."""

    def __init__(self, size, left_padding=None):
        super().__init__(size + 1, left_padding)


class Noisy(Tiny):
    """Prints where an implementation may: from Python, from C, from a process that it starts."""

    def __init__(self, size, left_padding=None):
        super().__init__(size, left_padding)
        print("from Python")
        os.write(1, b"from C\n")
        subprocess.run(["echo", "from a child"], check=True)


class Restoring(Tiny):
    @classmethod
    def from_state(cls, state):
        made = cls(0)
        made.state = state
        return made


class RestoringBoth(Tiny):
    meta_state = "meta"

    @classmethod
    def from_state(cls, state, meta_state):
        made = cls(0)
        made.state, made.meta_state = list(state), meta_state
        return made


class Failure(Exception):
    """An error whose `kind` and `payload` are what they are set to."""


class Odd(Tiny):
    """Results and errors that have no place on the wire as they are."""

    result = None
    error = None

    @property
    def batch_size(self):
        if self.error is not None:
            raise self.error
        return self.result


class Trap(Exception):
    is_trap = True


class Trapping(Tiny):
    @property
    def batch_size(self):
        raise Trap("bounds")


class Stateless:
    """No slot cache at all."""


class Endless(Tiny):
    """Never gives its batch size; tries to outlive whoever interrupts it once."""

    stubborn = False

    @property
    def batch_size(self):
        while True:
            try:
                while True:
                    pass
            except Exception:
                if not self.stubborn:
                    raise
                return 1


class Stubborn(Endless):
    stubborn = True


class Leaving(Tiny):
    """Ends the process, as if all was well, in the middle of a case."""

    @property
    def batch_size(self):
        os._exit(0)


class LeavingFromC(Tiny):
    """The same where Python does not notice."""

    @property
    def batch_size(self):
        import ctypes

        ctypes.CDLL(None).exit(0)


class Dying(Tiny):
    """Ends the process by a signal."""

    @property
    def batch_size(self):
        os.abort()


class LeavingAtOnce(Tiny):
    def __init__(self, size, left_padding=None):
        os._exit(0)
