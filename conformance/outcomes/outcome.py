"""What an outcome is: its spelling, its checks, its comparison with an answer, its words."""

from __future__ import annotations

import signal
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from conformance.calls import Call, Refused, Reply, Returned
from conformance.engine.literals import Tensors
from conformance.engine.operation import Gives
from conformance.outcomes.difference import Difference
from conformance.outcomes.snapshots import Snapshots
from conformance.values import Data

Fields = Mapping[str, Any]  # of an expectation, as far as they belong to an outcome


@dataclass(frozen=True)
class Answer:
    """What a step came to: the reply, and what else there is to be seen of it.

    `shown` is what the snapshots of its kind show; `snapshots` has the latest one of each cache
    before this step. `before` and `after` are there where the step is guarded, `file` where it
    wrote one.
    """

    call: Call
    reply: Reply
    tensors: Tensors
    shown: Snapshots | None = None
    snapshots: Mapping[str, Any] = field(default_factory=dict)
    before: Reply | None = None
    after: Reply | None = None
    file: bytes | None = None


class Outcome(Data, frozen=True):
    """One way in which a step can be expected to end. An instance is one expectation of it, with
    every literal decoded.

    The first sentences of a subclass's docstring tell the writer of a case what it means.
    """

    # How it is spelled: `key: spelling`, and the further keys that may stand beside it.
    key: ClassVar[str]
    spelling: ClassVar[Any]
    beside: ClassVar[Mapping[str, Any]] = {}
    # What an operation must give for this to be its answer; None is anything.
    gives: ClassVar[Gives | None] = None
    traps: ClassVar[bool] = False  # the process may end
    signals: ClassVar[frozenset[signal.Signals]] = frozenset()  # with which it may end
    unsafe: ClassVar[bool] = False  # only the implementation that has the defect may end so
    refuses: ClassVar[bool] = False  # the operation is not carried out
    guard: ClassVar[str | None] = None  # the key that asks for snapshots before and after the step

    @classmethod
    @abstractmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> Outcome:
        """The outcome that these fields spell; ValueError for a literal that is wrong."""

    @classmethod
    def problems(cls, fields: Fields) -> Iterator[str]:
        """What lint says of these fields beyond `decoded`."""
        yield from ()

    @classmethod
    def compares_with(cls, fields: Fields) -> str | None:
        """The cache of which there must be a snapshot before."""
        return None

    @classmethod
    def spelling_of(cls, snapshots: Snapshots) -> Any:
        """The spelling where these are the snapshots of the kind."""
        return cls.spelling

    @classmethod
    def spelled(cls, reply: Returned, snapshots: Snapshots | None) -> Fields | None:
        """The fields by which this result is expected, if it is such a one.

        `snapshots` are there where it is a snapshot.
        """
        return None

    @classmethod
    def spelled_refusal(cls, reply: Refused) -> Fields | None:
        """The fields by which this refusal is expected, if it is such a one."""
        return None

    @property
    def guarded(self) -> bool:
        """Whether this one needs the snapshots before and after."""
        return False

    def differences(self, answer: Answer) -> Iterator[Difference]:
        """Where an answer is something else; nothing where it is this."""
        if isinstance(answer.reply, Refused):
            yield self.missed(answer)
        else:
            yield from self.compared(answer.reply, answer)

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        """The differences of a result; for an outcome that is no refusal."""
        raise NotImplementedError(f"{type(self).__name__} compares no result")

    def details(self, tensors: Tensors) -> Iterator[str]:
        """What a reader wants to see beyond the words, a line each: the file that is named."""
        yield from ()

    def missed(self, answer: Answer) -> Difference:
        """The whole of it is something else."""
        reply = answer.reply
        return Difference("", self, reply if isinstance(reply, Refused) else reply.value)
