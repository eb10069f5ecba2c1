"""Runs mlx-lm's own tests of caches and generation, on its own caches or on the reference's.

Executed by the Python of a release's environment: `own_tests.py original|DIALECT FOLDER`, with the
folder of the release's tests. The model that they download is replaced by a small random one with
a tokenizer of bytes; tests that know what the real one says fail for that. Prints how each test
ended.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any

import every_kind
import mlx.core as mx
import mlx_lm
import mlx_lm.utils
from mlx_lm.models import qwen2
from mlx_lm.tokenizer_utils import TokenizerWrapper
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

MODULES = ("test_prompt_cache", "test_generate")
CONFIGURATION = {
    "model_type": "qwen2", "hidden_size": 128, "num_hidden_layers": 2, "intermediate_size": 128,
    "num_attention_heads": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "vocab_size": 300,
    "max_position_embeddings": 512, "rope_theta": 10000.0, "tie_word_embeddings": False,
}  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def load(*_: Any, **__: Any) -> tuple[Any, TokenizerWrapper]:
    """In place of mlx-lm's function of this name."""
    mx.random.seed(3)
    model = qwen2.Model(qwen2.ModelArgs.from_dict(CONFIGURATION))
    mx.eval(model.parameters())
    vocabulary = sorted(pre_tokenizers.ByteLevel.alphabet())
    numbered = {token: number for number, token in enumerate([*vocabulary, "<eos>", "<unk>"])}
    bytewise = Tokenizer(models.BPE(vocab=numbered, merges=[], unk_token="<unk>"))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytewise, eos_token="<eos>", unk_token="<unk>"
    )
    tokenizer.chat_template = TEMPLATE
    return model, TokenizerWrapper(tokenizer)


class Endings(unittest.TextTestResult):
    """The name of each test, and how it ended."""

    seen: dict[str, str] = {}  # noqa: RUF012 # one for all modules

    def addSuccess(self, test: Any) -> None:
        self.seen[test.id()] = "pass"

    def addFailure(self, test: Any, err: Any) -> None:
        self.seen[test.id()] = "fail"

    def addError(self, test: Any, err: Any) -> None:
        self.seen[test.id()] = f"error {err[0].__name__}"

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.seen[subtest.id()] = "fail"


def tests_of(name: str, folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mlx_lm.own_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # among mlx-lm's modules, so that its classes are replaced too
    spec.loader.exec_module(module)
    return module


def main() -> None:
    which, folder = sys.argv[1], Path(sys.argv[2])
    mlx_lm.utils.load = mlx_lm.load = load
    modules = [tests_of(name, folder) for name in MODULES]
    if which != "original":
        every_kind.replace_classes(which)
    runner = unittest.TextTestRunner(stream=io.StringIO(), resultclass=Endings)
    for module in modules:
        runner.run(unittest.defaultTestLoader.loadTestsFromModule(module))
    print(json.dumps(Endings.seen), flush=True)
    os._exit(0)  # threads that the tests of 0.32.2 leave behind abort an ordinary end


if __name__ == "__main__":
    main()
