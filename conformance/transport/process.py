"""A backend in a process of its own, over stdin and stdout: any language, any environment."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from typing import Any

import psutil

from conformance import __version__
from conformance.engine.memory import MEGABYTE, resident
from conformance.engine.plan import Call
from conformance.transport.backend import (
    Backend,
    BackendCrashed,
    BackendHung,
    BackendTooLarge,
    BackendTrouble,
    BackendUnusable,
    OperationRefused,
    ProtocolViolation,
    Refused,
    Reply,
    to_wire,
)
from conformance.transport.family import Family
from conformance.transport.lines import decode, encode, handshake_of, reply, shown
from conformance.transport.messages import PROTOCOL_VERSION, Request

START_SECONDS = 120.0
CALL_SECONDS = 30.0
SHUTDOWN_SECONDS = 5.0
MAX_LINE_BYTES = 128 * 1024 * 1024
MAX_MEMORY_MB = 8192.0  # beyond any budget: protects the machine, or half of a small one
HARD_SHARE = 1.5  # of that is where the system itself refuses, for what grows between two looks
_STDERR_LINES = 20
_CHUNK = 1 << 16
_GLANCE_SECONDS = 0.1  # how often to see whether the process still lives while its pipe stays open
# A shell that runs the backend reports the signal that ended it as exit code 128 + number.
_SHELL_CODES = {128 + s: s for s in (signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS,
                                     signal.SIGFPE, signal.SIGKILL, signal.SIGSEGV)}  # fmt: skip


class ProcessBackend(Backend):
    """Starts `command` in its own process group and shakes hands; `close` ends all it started.

    Any BackendTrouble ends the process too: what it says after that answers nothing.
    """

    def __init__(self, command: Sequence[str], start_seconds: float = START_SECONDS) -> None:
        self._ended = False
        self._next_id = 1
        self._rest = b""  # what came after the last answer
        self._family = Family()
        self._glanced = time.monotonic()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the backend)
        try:
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
                env=self._family.environment,
            )
        except OSError as error:
            self._stderr.close()
            raise BackendUnusable(f"{command[0]} does not start: {error.strerror}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.pid = self._process.pid
        for stream in (self._stdin, self._stdout):
            os.set_blocking(stream.fileno(), False)
        try:
            client = {"name": "mlx-cache-conformance", "version": __version__}
            call = Call("initialize", {"protocol": PROTOCOL_VERSION, "client": client})
            (answer,) = self._exchange([call], start_seconds)
            if isinstance(answer, Refused):
                raise ProtocolViolation(f"initialize was refused: {answer.kind} {answer.message}")
            self.handshake = handshake_of(answer.value)
            self._family.limit_growth(HARD_SHARE * _most_memory())
        except BaseException:
            self.close()
            raise

    def call(self, op: str, **arguments: Any) -> Any:
        (answer,) = self._exchange([Call(op, arguments)], CALL_SECONDS)
        if isinstance(answer, Refused):
            raise OperationRefused(answer.kind, answer.message, answer.payload)
        return answer.value

    def call_all(self, calls: Sequence[Call], seconds: float) -> Iterable[Reply]:
        return self._exchange(calls, seconds) if calls else []

    def close(self) -> None:
        if not self._ended and self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.write(self._stdin.fileno(), encode([Request(0, "shutdown")]))
                self._stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(SHUTDOWN_SECONDS)
        self._end()
        for stream in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()

    # ------------------------------------------------------------------ one exchange

    def _exchange(self, calls: Sequence[Call], seconds: float) -> list[Reply]:
        requests = [
            Request(self._next_id + index, call.op, to_wire(call.arguments))
            for index, call in enumerate(calls)
        ]
        self._next_id += len(calls)
        try:
            self._expect_silence()
            responses = decode(self._talk(encode(requests), seconds), requests)
            if self._rest:
                raise ProtocolViolation(
                    "one message was answered with more than one line; what follows the answer: "
                    f"{shown(self._rest)}"
                )
            return [reply(*pair) for pair in zip(requests, responses, strict=True)]
        except BackendTrouble:
            self._end()
            raise

    def _expect_silence(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            said = os.read(self._stdout.fileno(), _CHUNK) if selector.select(0) else None
        if said:
            raise ProtocolViolation(
                f"stdout must carry answers and nothing else; it wrote unasked: {shown(said)}"
            )
        if said == b"" or self._process.poll() is not None:
            raise self._crashed()

    def _talk(self, message: bytes, seconds: float) -> bytes:
        """Write a line while reading one, so that neither side can wait for the other for ever."""
        deadline = time.monotonic() + seconds
        unsent = memoryview(message)
        chunks: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stdin, selectors.EVENT_WRITE)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise _hung(len(message) - len(unsent), len(message), chunks)
                ready = {key.fileobj for key, _ in selector.select(min(left, _GLANCE_SECONDS))}
                self._glance()
                if self._stdin in ready:
                    try:
                        unsent = unsent[os.write(self._stdin.fileno(), unsent[:_CHUNK]) :]
                        if not unsent:
                            selector.unregister(self._stdin)
                    except BlockingIOError:
                        pass
                    except OSError:  # it reads no more; whether it died shows on stdout
                        selector.unregister(self._stdin)
                if self._stdout in ready:
                    chunk = os.read(self._stdout.fileno(), _CHUNK)
                    if not chunk:
                        raise self._crashed()
                    line, newline, self._rest = chunk.partition(b"\n")
                    chunks.append(line + newline)
                    if newline:
                        return b"".join(chunks)
                    if sum(map(len, chunks)) > MAX_LINE_BYTES:
                        raise ProtocolViolation(f"a message is longer than {MAX_LINE_BYTES} bytes")
                elif self._process.poll() is not None and not _readable(selector, self._stdout):
                    raise self._crashed()  # something it started keeps the pipe open

    def _glance(self) -> None:
        """End it when it holds too much; looked at now and then, as looking takes time."""
        if time.monotonic() - self._glanced < _GLANCE_SECONDS:
            return
        self._glanced = time.monotonic()
        most = _most_memory()
        if resident(self._process.pid) > most:
            raise BackendTooLarge(
                f"it held more than {most:g} MB; whatever a case asks for takes far less"
            )

    # ------------------------------------------------------------------ endings

    def _crashed(self) -> BackendCrashed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SHUTDOWN_SECONDS)
        code = self._process.poll()
        if code is None:
            return BackendCrashed("closed its stdout but kept running", self._last_stderr())
        if code < 0:
            return BackendCrashed(_signal_name(-code), self._last_stderr(), -code)
        number = _SHELL_CODES.get(code)
        how = f"exit code {code}" + (f", a shell's word for {number.name}" if number else "")
        return BackendCrashed(how, self._last_stderr(), number)

    def _last_stderr(self) -> str:
        # pread: the offset is shared with the process, and moving it would move its writing.
        try:
            size = os.fstat(self._stderr.fileno()).st_size
            text = os.pread(self._stderr.fileno(), 8192, max(0, size - 8192))
        except (OSError, ValueError):
            return ""
        return "\n".join(text.decode("utf-8", "replace").splitlines()[-_STDERR_LINES:])

    def _end(self) -> None:
        """End the process, its group, and what left that. Once only: ids are used again."""
        if self._ended:
            return
        self._ended = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
        self._family.end()


def _most_memory() -> float:
    """What a backend may hold, in megabytes."""
    return float(min(MAX_MEMORY_MB, psutil.virtual_memory().total / MEGABYTE / 2))


def _readable(selector: selectors.BaseSelector, stream: Any) -> bool:
    return any(key.fileobj is stream for key, _ in selector.select(0))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _hung(sent: int, size: int, chunks: Sequence[bytes]) -> BackendHung:
    """The same words in every run: no seconds left, no counts of what a pipe happens to hold."""
    if chunks:
        begun = b"".join(chunks)
        return BackendHung(
            f"no complete line on stdout in time, only some without a newline: {shown(begun)}"
        )
    if sent < size:
        taken = "a part" if sent else "nothing"
        return BackendHung(f"stdin was not read in time: of {size} bytes {taken} was taken")
    return BackendHung("no answer in time (a line must end in a newline and be flushed)")
