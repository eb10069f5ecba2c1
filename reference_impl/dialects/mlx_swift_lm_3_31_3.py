"""mlx-swift-lm 3.31.3: traps, lenient metadata, padding that ends with the first write."""

from __future__ import annotations

from functools import partial

from reference_impl.slots.cache import SlotCache
from reference_impl.slots.dialect import LENGTHS, Dialect
from reference_impl.slots.rules import (
    batch,
    construction,
    copying,
    indexing,
    masks,
    metadata,
    refusals,
    state,
)
from reference_impl.traps import trapping


class ArraysCache(SlotCache):
    __iter__ = None  # no sequence: a subscript out of range traps

    dialect = Dialect(
        id="mlx-swift-lm-3.31.3",
        lacks=LENGTHS
        | {"batch_size", "empty", "nbytes", "materialize"}
        | {"from_serialized", "extract", "merge"},
        before_init=construction.ROWS_UNSET,
        slots=construction.swift_slots,
        padding=construction.swift_padding,
        get=indexing.trapping_get,
        set=indexing.trapping_set,
        make_mask=trapping(masks.padding_until_first_slot),
        read_state=state.compacted,
        write_state=state.take_arrays,
        read_meta=metadata.slots_and_padding,
        write_meta=metadata.trap_on_assignment,
        from_state=partial(
            metadata.restore_leniently, padding=metadata.column, lengths=metadata.absent_column
        ),
        filter=trapping(batch.filter_dropping_padding),
        extend=trapping(batch.extend_dropping_padding),
        copy=copying.copy_compacting,
        update=refusals.update_traps,
        unknown_label=refusals.label_is_thrown,
        size=refusals.offset_value,
    )
