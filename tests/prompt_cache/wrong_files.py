"""The reference of mlxrs-0.1 over stdio, with files that it treats as its argument says."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from conformance.transport import adapter
from conformance.transport.reference_files import ReferenceFiles
from reference_impl import dialect_class

BEHAVIOUR = sys.argv[1]
own = ReferenceFiles("mlxrs-0.1")


def load(path: str):
    if BEHAVIOUR == "answers-nothing":
        return None
    if BEHAVIOUR.startswith("reads-everything"):
        cache = {"class_name": "ArraysCache", "slots": [], "left_padding": None, "lengths": None}
        return {"caches": [cache], "user_metadata": {}}
    if BEHAVIOUR == "lists-the-folder":
        print(path, os.listdir(os.path.dirname(path)), file=sys.stderr)
        os.kill(os.getpid(), signal.SIGSEGV)
    if BEHAVIOUR == "allocates":
        # what a reader takes that believes in a hundred layers of 2^20 slots each
        held = bytearray(100 * 8 << 20) if "cut-in-data" in path else b""
        del held
    if BEHAVIOUR == "sleeps" and "cut-in-data" in path:
        time.sleep(60)
    try:
        return own.load(path)
    except Exception:
        if BEHAVIOUR == "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        if BEHAVIOUR == "aborts":
            os.abort()
        raise
    finally:
        if BEHAVIOUR == "overwrites":
            Path(path).write_bytes(b"gone")


def save(path: str, caches: list, user_metadata: dict):
    if BEHAVIOUR != "writes":
        own.save(path, caches, user_metadata)
    elif path.endswith("full.safetensors"):
        os.mkdir(path)
    elif path.endswith("full-3.safetensors"):
        Path(path).write_text("no safetensors")


def resave(path: str) -> None:
    own.resave(path)
    if BEHAVIOUR.startswith("destroys"):
        data = bytearray(Path(path).read_bytes())
        data[-56:] = bytes(56)
        Path(path).write_bytes(data)


made = adapter.Adapter(
    dialect_class("mlxrs-0.1"),
    {"name": "wrong-files", "version": "1", "language": "python"},
    "mlxrs-0.1",
    files=SimpleNamespace(load=load, save=save, resave=resave),
)


def perform(op, params):
    result = made.perform(op, params)
    if op == "initialize" and BEHAVIOUR.endswith("-as-mlxrs"):
        result["implementation"]["name"] = "mlxrs"
    return result


adapter.serve(perform)
