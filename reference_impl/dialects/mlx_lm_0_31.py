"""mlx-lm 0.31.3: Python's own errors, the slot list as state, no metadata."""

from __future__ import annotations

from reference_impl.slots.cache import SlotCache
from reference_impl.slots.dialect import CLASS_LABEL, KEY_VALUE_SURFACE, Dialect
from reference_impl.slots.rules import (
    batch,
    construction,
    indexing,
    lengths,
    masks,
    metadata,
    refusals,
    state,
)


class ArraysCache(SlotCache):
    dialect = Dialect(
        id="mlx-lm-0.31",
        lacks=CLASS_LABEL | KEY_VALUE_SURFACE | {"from_serialized", "materialize", "copy"},
        before_init=construction.ROWS_UNSET,
        slots=construction.python_slots,
        padding=construction.python_padding,
        get=indexing.list_get,
        set=indexing.list_set,
        batch_size=indexing.inferred_batch_size,
        empty=indexing.first_slot_unset,
        prepare=lengths.prepare_any,
        advance=lengths.advance_in_place,
        make_mask=masks.padding_else_lengths,
        read_state=state.all_slots,
        write_state=state.take_anything,
        read_meta=metadata.no_metadata,
        write_meta=metadata.refuse_truthy,
        from_state=metadata.from_state_and_meta,
        filter=batch.filter_all,
        extend=batch.extend_zero_filled,
        unknown_label=refusals.label_is_a_missing_name,
        size=refusals.always_zero,
    )
