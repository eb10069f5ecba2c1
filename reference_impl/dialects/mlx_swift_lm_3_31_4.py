"""mlx-swift-lm 3.31.4: as 3.31.3, with lengths, lasting masks, and copies that keep holes."""

from __future__ import annotations

from reference_impl.dialects import mlx_swift_lm_3_31_3
from reference_impl.slots.rules import (
    batch,
    copying,
    indexing,
    lengths,
    masks,
    metadata,
    restoring,
)
from reference_impl.traps import trapping


class ArraysCache(mlx_swift_lm_3_31_3.ArraysCache):
    dialect = "mlx-swift-lm-3.31.4"

    batch_size = property(trapping(indexing.inferred_batch_size))

    prepare = trapping(lengths.prepare_or_clear)
    finalize = lengths.forget_rows
    advance = trapping(lengths.advance_replacing)
    make_mask = trapping(masks.positions_then_padding_else_lengths)

    meta_state = property(metadata.slots_padding_and_lengths, metadata.trap_on_assignment)
    from_state = classmethod(restoring.leniently_with_padding_and_lengths)

    filter = trapping(batch.filter_all_by_int32)
    extend = trapping(batch.extend_zero_filled)

    copy = copying.copy_everything
