"""The slot cache: state tensors of a recurrent layer, one per slot, with one row per sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar

import mlx.core as mx

from reference_impl.slots.dialect import Dialect, Slots
from reference_impl.slots.rules.batch import extract_row, merge_single_rows
from reference_impl.slots.rules.metadata import from_state_and_meta

C = TypeVar("C", bound="SlotCache")


class _Lacking:
    """An operation that the dialect's implementation does not have.

    Reading it is an AttributeError, so that hasattr() is False; assigning it creates an ordinary
    instance attribute, as it does for any name that a Python class does not define.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r}")


# Operations that are their dialect's rule and nothing else. A rule takes the cache first, which
# makes it a method: in a dialect's class it stands in the place of the method of `SlotCache`, which
# says what the operation is and has no body.
_METHODS = {
    "__getitem__": "get", "__setitem__": "set",
    **{name: name for name in ("empty", "prepare", "advance", "make_mask", "filter", "extend",
                               "copy", "size")},
}  # fmt: skip
_PROPERTIES = {
    "batch_size": ("batch_size",),
    "state": ("read_state", "write_state"),
    "meta_state": ("read_meta", "write_meta"),
}


def _birth(dialect: Dialect) -> Callable[..., SlotCache]:
    def bear(cls: type[SlotCache], *_: Any, **__: Any) -> SlotCache:
        instance: SlotCache = object.__new__(cls)
        vars(instance).update(dialect.before_init)
        return instance

    return bear


def _constructor(dialect: Dialect) -> Callable[..., None]:
    slots, padding = dialect.slots, dialect.padding

    def construct(self: SlotCache, size: Any, left_padding: Any = None) -> None:
        self.cache = slots(size)
        self.left_padding = padding(left_padding)
        self.lengths = None

    return construct


class SlotCache:
    """All operations of all dialects; a subclass binds a `Dialect` and loses what that one lacks.

    A slot holds an `mx.array` of any dtype with the batch as its leading axis, or None as long as
    it is unwritten. `cache` is the live slot list. `left_padding` and `lengths` are int32 [B] or
    None. Where dialects differ, the rule named in the dialect has the exact behaviour and errors.
    """

    dialect: ClassVar[Dialect]

    cache: Slots
    left_padding: mx.array | None
    lengths: mx.array | None
    offset: int = 0
    max_size: None = None
    _mamba: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "dialect" not in vars(cls):
            return
        own, dialect = set(vars(cls)), cls.dialect
        found: dict[str, Any] = {"__init__": _constructor(dialect)}
        if dialect.before_init:
            found["__new__"] = staticmethod(_birth(dialect))
        found |= {name: getattr(dialect, rule) for name, rule in _METHODS.items()}
        found |= {
            name: property(*(getattr(dialect, rule) for rule in rules))
            for name, rules in _PROPERTIES.items()
        }
        found |= {name: _Lacking(name) for name in dialect.lacks}
        for name in found.keys() - own:
            setattr(cls, name, found[name])

    def __init__(self, size: Any, left_padding: Any = None) -> None:
        """`size` unwritten slots, and one left padding per sequence (ints, or None)."""
        raise NotImplementedError

    @classmethod
    def mamba(cls: type[C], left_padding: Any = None) -> C:
        """Two slots, and the class label MambaCache."""
        instance = cls(2, left_padding)
        instance._mamba = True
        return instance

    @property
    def is_mamba(self) -> bool:
        return self._mamba

    @property
    def reference_class_name(self) -> str:
        """The label under which a prompt-cache file keeps this cache."""
        return "MambaCache" if self._mamba else "ArraysCache"

    # Slots

    def __getitem__(self, index: Any) -> Any:
        """The array of a slot, or None while it is unwritten."""
        raise NotImplementedError

    def __setitem__(self, index: Any, value: Any) -> None:
        """Store an array (the object itself, no copy)."""
        raise NotImplementedError

    @property
    def batch_size(self) -> int:
        """Rows of the first written slot, else of left_padding, else of lengths, else 1."""
        raise NotImplementedError

    def empty(self) -> bool:
        """Whether slot 0 is unwritten."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of the written slots."""
        return sum(slot.nbytes for slot in self.cache if slot is not None)

    def materialize(self) -> None:
        """Compute the written slots now."""
        mx.eval([slot for slot in self.cache if slot is not None])

    # Lengths and mask

    def prepare(self, lengths: Any = None, **kwargs: Any) -> None:
        """Set `lengths`, the valid tokens per sequence (ints)."""
        raise NotImplementedError

    def finalize(self) -> None:
        """Forget lengths and left_padding."""
        self.lengths = None
        self.left_padding = None

    def advance(self, N: Any) -> None:
        """Subtract N tokens from lengths and left_padding, each if set; int32 wraps."""
        raise NotImplementedError

    def make_mask(self, N: Any) -> mx.array | None:
        """bool [B, N], True where the token takes part; None if nothing restricts it."""
        raise NotImplementedError

    # Serialized form

    @property
    def state(self) -> Any:
        """The tensors to serialize; assigning them back restores as much as the dialect can."""
        raise NotImplementedError

    @state.setter
    def state(self, value: Any) -> None:
        raise NotImplementedError

    @property
    def meta_state(self) -> Any:
        """The strings to serialize beside the state."""
        raise NotImplementedError

    @meta_state.setter
    def meta_state(self, value: Any) -> None:
        raise NotImplementedError

    @classmethod
    def from_state(cls: type[C], *args: Any, **kwargs: Any) -> C:
        """A new cache from serialized `state` and, in all dialects but one, `meta_state`."""
        restored: C = cls.dialect.from_state(cls, *args, **kwargs)
        return restored

    def from_serialized(self, state: Any, meta_state: Any) -> None:
        """Replace everything but the class label; on any error nothing has changed."""
        restored = from_state_and_meta(type(self), state, meta_state)
        self.cache, self.left_padding = restored.cache, restored.left_padding
        self.lengths = None

    # Batch

    def filter(self, batch_indices: Any) -> None:
        """Keep the given rows, in the given order."""
        raise NotImplementedError

    def extend(self, other: Any) -> None:
        """Append the rows of another cache."""
        raise NotImplementedError

    def extract(self: C, idx: Any) -> C:
        """A new cache with row `idx` of every slot, without left_padding and lengths."""
        return extract_row(self, idx)

    @classmethod
    def merge(cls: type[C], caches: Any) -> C:
        """A new cache with one row from each of `caches`; left_padding and lengths are lost."""
        return merge_single_rows(cls, caches)

    # What every cache of a model has

    def size(self) -> int:
        """Tokens seen, for caches that count them."""
        raise NotImplementedError

    def is_trimmable(self) -> bool:
        """Recurrent state cannot be rolled back."""
        return False

    def trim(self, n: Any) -> int:
        """Tokens removed: none, ever."""
        return 0

    def update(self, keys: Any, values: Any) -> NoReturn:
        """Always an error: there are no keys and values."""
        self.dialect.update()

    def copy(self: C) -> C:
        """An independent cache with the same content."""
        raise NotImplementedError
