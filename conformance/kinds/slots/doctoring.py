"""What the doctor asks of slot caches first."""

from __future__ import annotations

from conformance.engine.doctoring import Doctoring, Example, Named, NullInList, TensorAccess
from conformance.tensor import Tensor, tensor

_ROW = tensor("int32", [3], [1, -2, 2**31 - 1])


def _make(handle: str) -> Named:
    return "new", {"cache": handle, "size": 2}


def _put(value: Tensor) -> Named:
    return "set", {"cache": "c", "slot": 1, "value": value}


DOCTORING = Doctoring(
    essential=("new", "get", "set", "snapshot"),
    make=_make,
    lacking=(
        ("new", {"cache": "c"}),
        ("get", {"cache": "c"}),
        ("set", {"cache": "c", "slot": 0}),
        ("get", {"slot": 0}),
    ),
    example=Example(
        "three slots, the second one set",
        (("new", {"cache": "c", "size": 3}), _put(_ROW)),
        {"slot_count": 3, "slots": {"1": _ROW}, "left_padding": None, "lengths": None},
        label="class_name",
    ),
    access=TensorAccess(
        put=_put,
        get=("get", {"cache": "c", "slot": 1}),
        unset=("get", {"cache": "c", "slot": 0}),
        unset_words="an unset slot",
    ),
    overwrite=(
        "write_in_place",
        {"cache": "c", "slot": 1, "value": tensor("int32", [3], [4, 5, 6])},
    ),
    hold_unset=("hold", {"cache": "c", "what": "lengths", "name": "nothing"}),
    null=NullInList(
        ("set_state", {"cache": "c", "state": [_ROW, None]}),
        {"slot_count": 2, "slots": {"0": _ROW}},
    ),
)
