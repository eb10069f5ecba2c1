"""mlx-swift-lm 3.31.4: as 3.31.3, with lengths, lasting masks, and copies that keep holes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from reference_impl.dialects import mlx_swift_lm_3_31_3
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.dialect import LENGTHS
from reference_impl.slots.rules import batch, copying, indexing, lengths, masks, metadata
from reference_impl.traps import trapping

_before = mlx_swift_lm_3_31_3.ArraysCache.dialect


class ArraysCache(SlotCache):
    __iter__ = None  # no sequence: a subscript out of range traps

    dialect = replace(
        _before,
        id="mlx-swift-lm-3.31.4",
        lacks=_before.lacks - LENGTHS - {"batch_size"},
        batch_size=trapping(indexing.inferred_batch_size),
        prepare=trapping(lengths.prepare_or_clear),
        advance=trapping(lengths.advance_replacing),
        make_mask=trapping(masks.positions_then_padding_else_lengths),
        read_meta=metadata.slots_padding_and_lengths,
        from_state=partial(
            metadata.restore_leniently,
            padding=metadata.filled_column,
            lengths=metadata.filled_column,
        ),
        filter=trapping(batch.filter_all_by_int32),
        extend=trapping(batch.extend_zero_filled),
        copy=copying.copy_everything,
    )
