"""Operations that an implementation does not have."""

from __future__ import annotations

from typing import Any, NoReturn


class _Absent:
    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r}")


def absent() -> Any:
    """Stands in a dialect's class for an operation that its implementation does not have.

    Reading it is an AttributeError, so that hasattr() is False; assigning it creates an ordinary
    instance attribute, as it does for any name that a Python class does not define.
    """
    return _Absent()
