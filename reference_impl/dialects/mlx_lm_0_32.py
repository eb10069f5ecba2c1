"""mlx-lm 0.32.0 to 0.32.2: as 0.31, with everything in the state and both mask conditions."""

from __future__ import annotations

from dataclasses import replace

from reference_impl.dialects import mlx_lm_0_31
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules import construction, masks, metadata, state

_before = mlx_lm_0_31.ArraysCache.dialect


class ArraysCache(SlotCache):
    dialect = replace(
        _before,
        id="mlx-lm-0.32",
        lacks=_before.lacks | {"meta_state"},
        before_init=construction.NOTHING,
        make_mask=masks.padding_and_lengths,
        read_state=state.slots_and_rows,
        write_state=state.take_three,
        from_state=metadata.from_state_alone,
    )
