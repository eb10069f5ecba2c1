"""What a dead program said is quoted so that its cause is seen, in every language that we know."""

from __future__ import annotations

import contextlib
import shlex
import sys
import tempfile

import pytest

from conformance.transport import connect
from conformance.transport.backend import BackendCrashed, BackendUnusable
from conformance.transport.causes import Unusable
from conformance.transport.process import ProcessBackend
from conformance.transport.stderr import first_lines, last_lines

GO = """\
panic: runtime error: index out of range [3] with length 2

goroutine 1 [running]:
main.slot(...)
\t/home/a/port/cache.go:41
main.mask(0x3)
\t/home/a/port/cache.go:77 +0x1d
main.perform({0x4b, 0x9})
\t/home/a/port/main.go:120 +0x85
main.answer(0xc0)
\t/home/a/port/main.go:151 +0x1a5
main.main()
\t/home/a/port/main.go:188 +0x11d
exit status 2
"""
GO_FOLDED = """\
panic: runtime error: index out of range [3] with length 2

goroutine 1 [running]:
main.slot(...)
\t/home/a/port/cache.go:41
... 3 stack frames
main.main()
\t/home/a/port/main.go:188 +0x11d
exit status 2"""
SWIFT = """\
port/Cache.swift:17: Fatal error: Index out of range
Current stack trace:
0    libswiftCore.so    0x00007f5b1c2a _swift_stdlib_reportFatalErrorInFile + 113
1    libswiftCore.so    0x00007f5b1a11 <unavailable> + 1441297
2    port               0x0000561bcafe perform(_:) + 77
3    port               0x0000561bbeef answer(_:) + 12
4    libc.so.6          0x00007f5ba1b0 __libc_start_main + 128
"""
SWIFT_FOLDED = """\
port/Cache.swift:17: Fatal error: Index out of range
Current stack trace:
0    libswiftCore.so    0x00007f5b1c2a _swift_stdlib_reportFatalErrorInFile + 113
... 3 stack frames
4    libc.so.6          0x00007f5ba1b0 __libc_start_main + 128"""
RUST = """\
thread 'main' panicked at src/main.rs:9:5:
attempt to subtract with overflow
stack backtrace:
   0: rust_begin_unwind
             at /rustc/90b3/library/std/src/panicking.rs:665:5
   1: core::panicking::panic_fmt
             at /rustc/90b3/library/core/src/panicking.rs:74:14
   2: port::mask
             at ./src/main.rs:9:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""
RUST_FOLDED = """\
thread 'main' panicked at src/main.rs:9:5:
attempt to subtract with overflow
stack backtrace:
   0: rust_begin_unwind
... 4 stack frames
             at ./src/main.rs:9:5
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace."""
PYTHON = """\
Traceback (most recent call last):
  File "/port/run.py", line 3, in <module>
    import port
  File "/port/port.py", line 1, in <module>
    from cache import Cache
    ^^^^^^^^^^^^^^^^^^^^^^^
  File "/port/cache.py", line 8, in <module>
    import layers
  File "/port/layers.py", line 2, in <module>
    import mlxx
ModuleNotFoundError: No module named 'mlxx'
"""
PYTHON_FOLDED = """\
Traceback (most recent call last):
  File "/port/run.py", line 3, in <module>
    import port
... 2 stack frames
  File "/port/layers.py", line 2, in <module>
    import mlxx
ModuleNotFoundError: No module named 'mlxx'"""
NODE = """\
/port/main.js:4
  throw new Error("no such weights");
  ^

Error: no such weights
    at perform (/port/main.js:4:9)
    at answer (/port/main.js:9:3)
    at Socket.<anonymous> (/port/main.js:14:5)
    at node:internal/main/run_main_module:23:47

Node.js v20.11.0
"""
NODE_FOLDED = """\
/port/main.js:4
  throw new Error("no such weights");
  ^

Error: no such weights
    at perform (/port/main.js:4:9)
... 2 stack frames
    at node:internal/main/run_main_module:23:47

Node.js v20.11.0"""
PLAIN = "loading 3: weights\n  0x17 is no number\nsee http://a/b:12\n\tat the end"


def written(text: str):
    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by the caller)
    file.write(text.encode())
    file.flush()
    return contextlib.closing(file)


@pytest.mark.parametrize(("said", "folded"), [
    (GO, GO_FOLDED), (SWIFT, SWIFT_FOLDED), (RUST, RUST_FOLDED), (PYTHON, PYTHON_FOLDED),
    (NODE, NODE_FOLDED), (PLAIN, PLAIN), ("", ""),
])  # fmt: skip
def test_stack_frames_are_folded(said, folded):
    with written(said) as file:
        assert first_lines(file.fileno()) == folded
        assert last_lines(file.fileno()) == folded


def test_a_long_one_is_cut_in_the_middle_or_at_its_beginning():
    with written("".join(f"line {n}\n" for n in range(1, 1001))) as file:
        first, last = (of(file.fileno()).split("\n") for of in (first_lines, last_lines))
    assert first[:2] + first[13:16] == ["line 1", "line 2", "line 14", "... 981 more lines",
                                        "line 996"]  # fmt: skip
    assert (len(first), first[-1]) == (20, "line 1000")
    assert (len(last), last[0], last[-1]) == (20, "line 981", "line 1000")


def test_a_line_without_end_is_cut():
    with written("x" * 10**6) as file:
        assert first_lines(file.fileno()) == "x" * 400 + " ..."
        assert last_lines(file.fileno()) == "x" * 8192


def dying(said: str, after: int) -> list[str]:
    """A program that answers so many lines with a handshake, and then dies as Go does."""
    who = {"name": "x", "version": "1", "language": "go"}
    shake = {"protocol": 1, "implementation": who, "dialect": "mlx-lm-0.31", "capabilities": []}
    return [sys.executable, "-I", "-S", "-c", f"""
import json, sys
for _ in range({after}):
    request = json.loads(sys.stdin.readline())
    print(json.dumps({{"jsonrpc": "2.0", "id": request["id"], "result": {shake!r}}}), flush=True)
sys.stderr.write({said!r})
sys.exit(2)
"""]  # fmt: skip


def test_a_crash_at_the_start_is_quoted_from_its_first_line_on():
    spec = "cmd:" + shlex.join(dying("port 0.3\n" * 2 + GO, after=0))
    with pytest.raises(BackendUnusable) as unusable:
        connect(spec, "mlx-lm-0.31")
    assert unusable.value.cause is Unusable.HANDSHAKE_FAILED
    quoted = "".join(f"\n  {line}" for line in ("port 0.3\n" * 2 + GO_FOLDED).split("\n"))
    said = "the handshake failed: exit code 2; it said on stderr:" + quoted
    assert str(unusable.value) == f"{spec}: {said}"


def test_one_line_stays_on_the_line():
    with pytest.raises(BackendUnusable) as unusable:
        connect("cmd:" + shlex.join(dying("no weights\n", after=0)), "mlx-lm-0.31")
    assert str(unusable.value).endswith("exit code 2; its last line on stderr: no weights")


def test_a_crash_later_is_quoted_at_its_end_with_its_cause():
    said = "loading\n" * 100 + GO
    with (
        ProcessBackend(dying(said, after=1)) as backend,
        pytest.raises(BackendCrashed) as crash,
    ):
        backend.call("size")
    lines = crash.value.stderr.split("\n")
    assert len(lines) == 20
    assert "\n".join(lines[-9:]) == GO_FOLDED
