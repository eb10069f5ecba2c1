"""Values that travel: plain ones, tensors, and lists and tables of them.

Whether two are the same, an excerpt of one that is too large to keep, and the words for it.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from conformance import tensor
from conformance.calls import Refused, Reply
from conformance.tensor import Tensor

LONGEST_LINE = 480
PIECE = 1 << 16  # characters of a long text that are in memory at a time
_LONGEST_TEXT = 240
_TEXT_SHOWN = 40
_ITEMS_SHOWN = 64
_ELEMENTS_SHOWN = 16
_TENSOR_BYTES = 4096
_OWN_TEXT = 4096  # of what a fixture says, or a port in a message


class Data(msgspec.Struct, frozen=True):
    """A piece of a verdict: data that can be compared and kept, and said in words."""

    # The fields that only explain: what differs in these alone is the same.
    explains: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def words(self) -> str:
        """What a reader sees, on one line."""


class RepeatedText:
    """`unit` written `times` times and then `end`: a text that is never whole in memory here."""

    __slots__ = ("end", "times", "unit")  # a struct would be written as an object by msgspec

    def __init__(self, unit: str, times: int, end: str = "") -> None:
        self.unit = unit
        self.times = times
        self.end = end

    def __len__(self) -> int:
        return len(self.unit) * self.times + len(self.end)

    def __str__(self) -> str:
        return self.unit * self.times + self.end

    def words(self) -> str:
        """What is said of any text of this length, without making it whole."""
        if len(self) <= _LONGEST_TEXT:
            return whole(str(self))
        return LongText(next(self.pieces())[:_TEXT_SHOWN], len(self), "").words()

    def pieces(self) -> Iterator[str]:
        """The text in parts of some `PIECE` characters."""
        together = max(PIECE // max(len(self.unit), 1), 1)
        whole, rest = divmod(self.times, together)
        part = self.unit * together
        for _ in range(whole):
            yield part
        yield self.unit * rest + self.end


# --------------------------------------------------------------------------- equality


def same(left: Any, right: Any) -> bool:
    """Equality that does not take True for 1 or 1 for 1.0, at any depth."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (Data, Refused)):
        free = left.explains if isinstance(left, Data) else ()
        return all(same(getattr(left, name), getattr(right, name))
                   for name in left.__struct_fields__ if name not in free)  # fmt: skip
    return bool(left == right)


# --------------------------------------------------------------------------- excerpts


class Name(Data, frozen=True):
    """A name that is written as it is, such as that of a class or a file."""

    text: str

    def words(self) -> str:
        return self.text


class LongText(Data, frozen=True):
    """The beginning of a text that is too long to be shown."""

    start: str
    length: int
    digest: str

    def words(self) -> str:
        return f"{json.dumps(self.start)}... ({self.length} characters)"


class LongList(Data, frozen=True):
    """The first items of a long list."""

    items: list[Any]
    length: int
    digest: str

    def words(self) -> str:
        return f"[{', '.join(map(whole, self.items))}, ...]"


class LongTable(Data, frozen=True):
    """The first entries of a large table."""

    entries: dict[str, Any]
    length: int
    digest: str

    def words(self) -> str:
        return whole(self.entries)


class LongTensor(Data, frozen=True):
    """Dtype, shape and the first elements of a large tensor."""

    dtype: str
    shape: tuple[int, ...]
    start: bytes
    digest: str

    def words(self) -> str:
        return tensor.describe(Tensor(self.dtype, self.shape, self.start), _ELEMENTS_SHOWN)


def excerpt(value: Any) -> Any:
    """The value where it is small; else a part that is said in the same words, and its digest."""
    if isinstance(value, RepeatedText):
        value = str(value)
    if isinstance(value, Tensor):
        if len(value.data) <= _TENSOR_BYTES:
            return value
        start = value.data[: _ELEMENTS_SHOWN * tensor.ITEM_SIZE[value.dtype]]
        return LongTensor(value.dtype, value.shape, start, digest(value))
    if isinstance(value, str):
        if len(value) <= _LONGEST_TEXT:
            return value
        return LongText(value[:_TEXT_SHOWN], len(value), digest(value))
    if isinstance(value, (list, tuple)):
        items = [excerpt(item) for item in value[:_ITEMS_SHOWN]]
        return items if len(value) <= _ITEMS_SHOWN else LongList(items, len(value), digest(value))
    if isinstance(value, dict):
        entries = {key: excerpt(item) for key, item in list(value.items())[:_ITEMS_SHOWN]}
        whole = len(value) <= _ITEMS_SHOWN
        return entries if whole else LongTable(entries, len(value), digest(value))
    if isinstance(value, Refused):
        return Refused(value.kind, value.message[: 2 * LONGEST_LINE], excerpt(value.payload))
    if isinstance(value, Data):
        kept = {name: _field(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **kept)
    if hasattr(value, "words"):  # the file of a case
        return Name(value.words())
    return value


def _field(value: Any) -> Any:
    """A field of `Data`, which keeps its type."""
    if isinstance(value, str):
        return value[:_OWN_TEXT]
    if isinstance(value, dict):
        return {key: excerpt(item) for key, item in value.items()}
    return value if isinstance(value, tuple) else excerpt(value)


def digest(value: Any) -> str:
    """The same for the same value in any run."""
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


# --------------------------------------------------------------------------- words


def words(value: Any) -> str:
    """A value on one line of bounded length."""
    return clipped(whole(value))


def reply(answer: Reply) -> str:
    """What came back: a value, or the refusal with kind, message and payload."""
    return words(answer if isinstance(answer, Refused) else answer.value)


def call(op: str, arguments: dict[str, Any]) -> str:
    """A call: `make_mask(cache="c", n=3)`."""
    return f"{op}({', '.join(f'{key}={words(item)}' for key, item in arguments.items())})"


def clipped(line: str) -> str:
    """A line that is not too long to be read."""
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " ..."


def whole(item: Any) -> str:
    """A value on one line of any length."""
    if item is None:
        return "null"
    if isinstance(item, Tensor):
        return tensor.describe(item)
    if isinstance(item, Refused):
        payload = f" {whole(item.payload)}" if item.payload else ""
        message = f" ({item.message})" if item.message else ""
        return f"refused with {item.kind}{payload}{message}"
    if isinstance(item, (list, dict, str)):
        return _composed(item)
    if hasattr(item, "words"):
        return str(item.words())
    try:
        return json.dumps(item, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(item)


def _composed(item: list[Any] | dict[str, Any] | str) -> str:
    if isinstance(item, str):
        if len(item) > _LONGEST_TEXT:
            return f"{json.dumps(item[:_TEXT_SHOWN])}... ({len(item)} characters)"
        return json.dumps(item, ensure_ascii=False)
    if isinstance(item, list):
        more = ", ..." if len(item) > _ITEMS_SHOWN else ""
        return f"[{', '.join(map(whole, item[:_ITEMS_SHOWN]))}{more}]"
    entries = list(item.items())[:_ITEMS_SHOWN]
    return f"{{{', '.join(f'{key}: {whole(part)}' for key, part in entries)}}}"
