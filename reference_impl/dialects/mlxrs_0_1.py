"""mlxrs 0.1: typed errors, capped and atomic restore, compacted state with slot metadata."""

from __future__ import annotations

from reference_impl.slots.cache import SlotCache
from reference_impl.slots.dialect import Dialect
from reference_impl.slots.rules import (
    construction,
    copying,
    indexing,
    lengths,
    masks,
    metadata,
    refusals,
    state,
)


class ArraysCache(SlotCache):
    __iter__ = None  # get() has an answer for every index, so iterating would never end

    dialect = Dialect(
        id="mlxrs-0.1",
        lacks=frozenset({"filter", "extend", "extract", "merge"}),
        before_init=construction.ROWS_UNSET,
        slots=construction.rust_slots,
        padding=construction.rust_padding,
        get=indexing.total_get,
        set=indexing.checked_set,
        batch_size=indexing.ranked_batch_size,
        empty=indexing.first_slot_unset_or_missing,
        prepare=lengths.prepare_int32,
        advance=lengths.advance_checked,
        make_mask=masks.bounded_padding_else_lengths,
        read_state=state.compacted_handles,
        write_state=state.take_arrays,
        read_meta=metadata.slots_and_padding,
        write_meta=metadata.place_strictly,
        from_state=metadata.from_state_and_meta,
        copy=copying.copy_everything,
        update=refusals.update_is_an_error,
        unknown_label=refusals.label_is_no_variant,
        size=refusals.always_zero,
    )
