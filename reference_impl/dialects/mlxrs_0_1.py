"""mlxrs 0.1: typed errors, capped and atomic restore, compacted state with slot metadata."""

from __future__ import annotations

from reference_impl.slots.cache import SlotCache, absent
from reference_impl.slots.rules import (
    construction,
    copying,
    indexing,
    lengths,
    masks,
    metadata,
    refusals,
    restoring,
    state,
)


class ArraysCache(SlotCache):
    dialect = "mlxrs-0.1"

    __init__ = construction.construct_in_rust

    __getitem__ = indexing.get_or_none
    __setitem__ = indexing.checked_set
    __iter__ = None  # reading has an answer for every index, so iterating would never end
    batch_size = property(indexing.ranked_batch_size)
    empty = indexing.first_slot_unset_or_missing

    prepare = lengths.prepare_int32
    finalize = lengths.forget_rows
    advance = lengths.advance_checked
    make_mask = masks.bounded_padding_else_lengths

    state = property(state.compacted_handles, state.take_arrays)
    meta_state = property(metadata.slots_and_padding, metadata.place_strictly)
    from_state = classmethod(restoring.from_state_and_meta)
    from_serialized = restoring.replace_content
    check_label = staticmethod(refusals.label_is_an_unknown_variant)

    filter = absent()
    extend = absent()
    extract = absent()
    merge = absent()

    copy = copying.copy_everything
    size = refusals.always_zero
    update = refusals.update_is_an_error
