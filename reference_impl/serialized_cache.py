"""What every cache has for the sake of prompt-cache files: its content in tensors and strings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar

C = TypeVar("C", bound="SerializedCache")


class SerializedCache(ABC):
    """A cache that can be serialized, restored and copied, as its dialect decides."""

    dialect: ClassVar[str]

    @property
    @abstractmethod
    def state(self) -> Any:
        """The tensors to serialize; assigning them back restores as much as the dialect can."""

    @state.setter
    @abstractmethod
    def state(self, value: Any) -> None: ...

    @property
    @abstractmethod
    def meta_state(self) -> Any:
        """The strings to serialize beside the state."""

    @meta_state.setter
    @abstractmethod
    def meta_state(self, value: Any) -> None: ...

    @classmethod
    @abstractmethod
    def from_state(cls, *args: Any, **kwargs: Any) -> Any:
        """A new cache from serialized `state` and, if the dialect has it, `meta_state`."""

    @abstractmethod
    def from_serialized(self, state: Any, meta_state: Any) -> None:
        """Replace everything but the class label; on any error nothing has changed."""

    @abstractmethod
    def copy(self: C) -> C:
        """An independent cache with the same content."""
