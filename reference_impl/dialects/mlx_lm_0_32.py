"""mlx-lm 0.32.0 to 0.32.2: as 0.31, with everything in the state and both mask conditions."""

from __future__ import annotations

from reference_impl.dialects import mlx_lm_0_31
from reference_impl.slots.cache import absent
from reference_impl.slots.rules import masks, restoring, state


class ArraysCache(mlx_lm_0_31.ArraysCache):
    dialect = "mlx-lm-0.32"

    make_mask = masks.padding_and_lengths
    state = property(state.slots_and_rows, state.take_three)
    meta_state = absent()
    from_state = classmethod(restoring.from_state_alone)  # type: ignore[assignment] # takes less
