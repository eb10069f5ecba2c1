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
main.batch(0xc0)
\t/home/a/port/main.go:161 +0x4
main.serve(0xc0)
\t/home/a/port/main.go:170 +0x4
main.main()
\t/home/a/port/main.go:188 +0x11d
exit status 2"""
GO_FOLDED = """\
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
... 2 stack frames
main.main()
\t/home/a/port/main.go:188 +0x11d
exit status 2"""


def stack(said: str, frames: list[str], after: str, folded: bool = False) -> str:
    """What was said before a stack and after it; folded, only some of its frames."""
    if folded:
        frames = [*frames[:4], f"... {len(frames) - 5} stack frames", frames[-1]]
    return "\n".join([said, *frames, after])


PYTHON_FRAMES = [
    *(
        f'  File "/port/m{n}.py", line {n}, in f\n    import m{n}\n    ^^^^^^^^^'
        for n in range(7)
    ),
    '  File "/port/layers.py", line 2, in <module>\n    import mlxx',
]
STACKS = {
    "swift": ("port/Cache.swift:17: Fatal error: Index out of range\nCurrent stack trace:",
              [f"{n}    libswiftCore.so    0x00007f5b1c2{n} perform(_:) + 113" for n in range(10)],
              "Illegal instruction"),
    "rust": ("thread 'main' panicked at src/main.rs:9:5:\nattempt to subtract with overflow\n"
             "stack backtrace:",
             [f"  {n:2}: port::mask\n             at ./src/main.rs:{n}:5" for n in range(15)],
             "note: Some details are omitted, run with `RUST_BACKTRACE=full` for more."),
    "python": ("Traceback (most recent call last):", PYTHON_FRAMES,
               "ModuleNotFoundError: No module named 'mlxx'"),
    "node": ("/port/main.js:4\n  throw new Error();\n  ^\n\nError: no such weights",
             [f"    at perform (/port/main.js:{n}:9)" for n in range(9)], "\nNode.js v20.11.0"),
    "sanitizer": ("==7==ERROR: AddressSanitizer: SEGV on unknown address 0x6058000004a0",
                  [f"    #{n} 0x55944fa67fe1 in Slots::get() const slots.cpp:7" for n in range(17)],
                  "==7==ABORTING"),
    "glibc": ("terminate called after throwing an instance of 'std::out_of_range'",
              [f"./port(_ZN5Slots3getEv+0x{n}) [0x55944f84ca0{n}]" for n in range(8)],
              "Aborted (core dumped)"),
}  # fmt: skip
PLAIN = "loading 3: weights\n  0x17 is no number\nsee http://a/b:12\n\tat the end"


def written(text: str):
    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by the caller)
    file.write(text.encode())
    file.flush()
    return contextlib.closing(file)


@pytest.mark.parametrize(("said", "folded"), [
    (GO, GO_FOLDED), (PLAIN, PLAIN), ("", ""),
    *((stack(*one), stack(*one, folded=True)) for one in STACKS.values()),
], ids=["go", "plain", "nothing", *STACKS])  # fmt: skip
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
    assert "\n".join(lines[-15:]) == GO_FOLDED
