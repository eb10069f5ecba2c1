"""mlx-lm 0.31.3: Python's own errors, the slot list as state, no metadata."""

from __future__ import annotations

from reference_impl.slots.cache import SlotCache, absent
from reference_impl.slots.rules import (
    batch,
    construction,
    indexing,
    lengths,
    masks,
    metadata,
    refusals,
    restoring,
    state,
)


class ArraysCache(SlotCache):
    dialect = "mlx-lm-0.31"

    __init__ = construction.construct_in_python
    mamba = absent()
    is_mamba = absent()
    reference_class_name = absent()

    __getitem__ = indexing.list_get
    __setitem__ = indexing.list_set
    batch_size = property(indexing.inferred_batch_size)
    empty = indexing.first_slot_unset
    materialize = absent()

    prepare = lengths.prepare_any
    finalize = lengths.forget_rows
    advance = lengths.advance_in_place
    make_mask = masks.padding_else_lengths

    state = property(state.all_slots, state.take_anything)
    meta_state = property(metadata.no_metadata, metadata.refuse_truthy)
    from_state = classmethod(restoring.from_state_and_meta)
    from_serialized = absent()
    check_label = staticmethod(refusals.label_is_a_missing_name)

    filter = batch.filter_all
    extend = batch.extend_zero_filled
    extract = batch.extract_row
    merge = classmethod(batch.merge_single_rows)

    copy = absent()
    size = refusals.always_zero
    offset = absent()
    max_size = absent()
    trim = absent()
    update = absent()
