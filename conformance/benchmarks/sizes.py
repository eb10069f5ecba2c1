"""Sizes of real models: the slots of one recurrent layer, for one sequence."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from conformance.tensor import ITEM_SIZE


@dataclass(frozen=True)
class Slot:
    """One slot: dtype, and shape without the batch axis."""

    dtype: str
    row: tuple[int, ...]

    def shaped(self, batch: int) -> dict[str, object]:
        """As the operation `fill` takes it."""
        return {"dtype": self.dtype, "shape": [batch, *self.row]}

    @property
    def row_bytes(self) -> int:
        return prod(self.row) * ITEM_SIZE[self.dtype]


# model -> its slots, in the order of mlx-lm 0.32.2
MODELS = {
    # LFM2-1.2B: the last two columns of the short convolution
    "lfm2": (Slot("bfloat16", (2, 2048)),),
    # RWKV7-Goose 2.9B: token shift, state of 40 heads, token shift of the channel mixing
    "rwkv7": (
        Slot("bfloat16", (1, 2560)),
        Slot("bfloat16", (40, 64, 64)),
        Slot("bfloat16", (1, 2560)),
    ),
    # Qwen3-Next-80B-A3B
    "qwen3-next": (Slot("bfloat16", (3, 8192)), Slot("float32", (32, 128, 128))),
    # Kimi-Linear-48B-A3B: convolutions of q, k and v, then the state
    "kimi-linear": (*[Slot("bfloat16", (3, 4096))] * 3, Slot("float32", (32, 128, 128))),
    # Mamba2-2.7B: 5120 channels and two groups of B and C; 80 heads of 64 by 128
    "mamba2": (Slot("bfloat16", (3, 5376)), Slot("float32", (80, 64, 128))),
}

@dataclass(frozen=True)
class Attention:
    """One layer of attention: heads of keys and values, numbers in each, window if it slides."""

    heads: int
    width: int
    window: int = 0
    dtype: str = "bfloat16"

    def tokens(self, count: int, batch: int = 1) -> dict[str, dict[str, object]]:
        """Keys and values of so many tokens, as `fill` takes them: [batch, heads, count, width]."""
        one: dict[str, object] = {
            "dtype": self.dtype, "shape": [batch, self.heads, count, self.width]
        }  # fmt: skip
        return {"keys": one, "values": one}

    def bytes_of(self, count: int, batch: int = 1) -> int:
        return 2 * batch * self.heads * count * self.width * ITEM_SIZE[self.dtype]


LLAMA = Attention(8, 128)  # Llama 3.1 8B
GEMMA = Attention(4, 256, 1024)  # the sliding layers of Gemma 3 4B
GPT_OSS = Attention(8, 64, 128)  # those of gpt-oss-20b
# The one whose growth with the batch a picture shows as a line; the others are points beside it.
MAIN_MODEL = "qwen3-next"
BATCHES = (1, 8, 32, 128)
# [B, N] of a mask: one step of decoding, chunks of a prompt, and the largest batch
MASKS = ((1, 1), (1, 512), (8, 2048), (32, 8192), (128, 65536))
SLOT_COUNTS = (1, 32, 1024, 32768, 1 << 20)


def row_bytes(model: str) -> int:
    """Bytes of one sequence's state in one layer."""
    return sum(slot.row_bytes for slot in MODELS[model])
