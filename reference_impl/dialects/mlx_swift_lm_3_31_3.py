"""mlx-swift-lm 3.31.3: traps, lenient metadata, padding that ends with the first write."""

from __future__ import annotations

from reference_impl.slots.cache import SlotCache, absent
from reference_impl.slots.rules import (
    batch,
    construction,
    copying,
    indexing,
    masks,
    metadata,
    refusals,
    restoring,
    state,
)
from reference_impl.traps import trapping


class ArraysCache(SlotCache):
    dialect = "mlx-swift-lm-3.31.3"

    __init__ = construction.construct_in_swift

    __getitem__ = indexing.trapping_get
    __setitem__ = indexing.trapping_set
    __iter__ = None  # no sequence: a subscript out of range traps
    batch_size = absent()
    empty = absent()
    nbytes = absent()
    materialize = absent()

    prepare = absent()
    finalize = absent()
    advance = absent()
    make_mask = trapping(masks.padding_until_first_slot)

    state = property(state.compacted, state.take_arrays)
    meta_state = property(metadata.slots_and_padding, metadata.trap_on_assignment)
    from_state = classmethod(restoring.leniently_with_padding)
    from_serialized = absent()
    check_label = staticmethod(refusals.label_is_thrown)

    filter = trapping(batch.filter_dropping_padding)
    extend = trapping(batch.extend_dropping_padding)
    extract = absent()
    merge = absent()

    copy = copying.copy_compacting
    size = refusals.offset_value
    update = refusals.update_traps
