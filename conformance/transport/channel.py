"""A program in a process of its own, and the lines that travel to it and back.

What a line means is nobody's concern here: the process backend reads answers in it, and the doctor
looks for what is wrong with one.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Protocol

import psutil

from conformance.patience import CHANGE_TIMEOUT, NOTICE_SECONDS
from conformance.transport import stderr
from conformance.transport.backend import (
    BackendCrashed,
    BackendHung,
    BackendTooLarge,
    BackendTrouble,
    BackendUnusable,
    ProtocolViolation,
)
from conformance.transport.causes import Unusable, Violation
from conformance.transport.family import Family
from conformance.transport.lines import Message, shown
from conformance.transport.memory import MEGABYTE, resident

MAX_LINE_BYTES = 128 * 1024 * 1024
MAX_MEMORY_MB = 8192.0  # beyond any budget: protects the machine, or half of a small one
HARD_SHARE = 1.5  # of that is where the system itself refuses, for what grows between two looks
SHUTDOWN_SECONDS = 5.0  # for what was told to end, or has closed its stdout
_KILL_SECONDS = 0.5
_CHUNK = 1 << 16
_GLANCE_SECONDS = 0.1  # how often to see whether the process still lives while its pipe stays open
# A shell that runs the program reports the signal that ended it as exit code 128 + number.
_SHELL_CODES = {128 + s: s for s in (signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS,
                                     signal.SIGFPE, signal.SIGKILL, signal.SIGSEGV)}  # fmt: skip


class Started(Protocol):
    """A process, with what of `subprocess.Popen` a channel needs."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


# Launches a command that writes to a file what it has for stderr, in a session of its own.
Launch = Callable[[Sequence[str], IO[bytes], Mapping[str, str]], Started]


def program(command: Sequence[str], errors: IO[bytes], environment: Mapping[str, str]) -> Started:
    """The Launch of any program."""
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        env=environment,
    )


class Channel:
    """Starts a command in a process group of its own. BackendUnusable if it does not start.

    `send` takes whole lines and `read_line` gives the next one. While a line is awaited, what was
    sent is written: neither side can wait for the other for ever. `close` ends the process and
    whatever it started; so does `ended_by_trouble`, as what is said after trouble answers nothing.
    """

    def __init__(self, command: Sequence[str], launch: Launch = program) -> None:
        self._command = command
        self._ended = False
        self._family = Family()
        self._glanced = time.monotonic()
        self._unsent = memoryview(b"")
        self._pieces: Iterator[bytes] = iter(())  # of lines, after what is unsent
        self._size = 0  # bytes of the lines that are being written
        self._left = 0  # bytes of them that were not taken yet
        self._began = False  # whether a line ever came
        self._unread: list[bytes] = []  # what came and was not given as a line; the last may end it
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (lives as long as the channel)
        try:
            self._process = launch(command, self._stderr, self._family.environment)
        except OSError as error:
            self._stderr.close()
            raise BackendUnusable(
                Unusable.NOT_STARTED, f"{command[0]} does not start: {error.strerror}"
            ) from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.pid = self._process.pid
        if launch is not program:
            self._family.adopt(self.pid)
        for stream in (self._stdin, self._stdout):
            os.set_blocking(stream.fileno(), False)

    # ------------------------------------------------------------------ lines

    def send(self, lines: bytes | Message) -> None:
        """Take whole lines to be written. They are, at the latest, while a line is awaited."""
        line = Message(len(lines), (lines,)) if isinstance(lines, bytes) else lines
        self._pieces = itertools.chain(self._pieces, line.pieces)
        self._size = self._left + line.size
        self._left = self._size
        self._refill()

    def send_last(self, line: bytes) -> bool:
        """Write a short line whose answer nobody waits for; whether it was taken at once."""
        try:
            return os.write(self._stdin.fileno(), line) == len(line)
        except OSError:
            return False

    def read_line(self, seconds: float) -> bytes:
        """The next line, its newline included.

        BackendHung when it does not come in time; it may be awaited further. BackendCrashed when
        the process ended, BackendTooLarge when it ate the memory, ProtocolViolation when the line
        is longer than MAX_LINE_BYTES.
        """
        deadline = time.monotonic() + seconds
        if line := self._next_line():
            return line
        length = len(self.unread)
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if self._unsent:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._hung()
                ready = {key.fileobj for key, _ in selector.select(min(left, _GLANCE_SECONDS))}
                self._glance()
                if self._stdin in ready and not self._write():
                    selector.unregister(self._stdin)
                if self._stdout in ready:
                    chunk = os.read(self._stdout.fileno(), _CHUNK)
                    if not chunk:
                        raise self.crash()
                    self._unread.append(chunk)
                    if line := self._next_line():
                        return line
                    length += len(chunk)
                    if length > MAX_LINE_BYTES:
                        raise ProtocolViolation(
                            Violation.LINE_TOO_LONG,
                            f"a message is longer than {MAX_LINE_BYTES} bytes",
                        )
                elif self._process.poll() is not None and not _readable(selector, self._stdout):
                    raise self.crash()  # something it started keeps the pipe open

    def read_first_line(self, seconds: float) -> bytes:
        """As `read_line`, of a program that starts, which may take long: stderr says so then."""
        if seconds <= NOTICE_SECONDS:
            return self.read_line(seconds)
        try:
            return self.read_line(NOTICE_SECONDS)
        except BackendHung:
            print(
                f"mlx-cache-conformance: {shlex.join(self._command)} has not answered initialize "
                f"in {NOTICE_SECONDS:g} s; it is given {seconds:g} s ({CHANGE_TIMEOUT})",
                file=sys.stderr,
                flush=True,
            )
        return self.read_line(seconds - NOTICE_SECONDS)

    @property
    def unread(self) -> bytes:
        """What came after the last line."""
        return b"".join(self._unread)

    def listen(self, seconds: float = 0.0) -> bytes:
        """What it writes, or has written, without being asked. BackendCrashed if it has ended."""
        patience = 0 if self._unread else seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            said = os.read(self._stdout.fileno(), _CHUNK) if selector.select(patience) else None
        if self._unread or said:
            return self.unread + (said or b"")
        if said == b"" or self._process.poll() is not None:
            raise self.crash()
        return b""

    def last_words(self) -> bytes:
        """What there is to read of a process that was told to end; nothing is waited for."""
        try:
            return os.read(self._stdout.fileno(), _CHUNK)
        except OSError:  # nothing to read is an error on a pipe that stays open
            return b""

    # ------------------------------------------------------------------ the process

    @property
    def lives(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def limit_memory(self) -> None:
        """From now on the system refuses what is far beyond anything that a case needs."""
        self._family.limit_growth(HARD_SHARE * _most_memory())

    def started(self) -> list[psutil.Process]:
        """What the process has started and what still lives of it."""
        return [one for one in self._family.members() if one.pid != self.pid]

    def on_stderr(self) -> str:
        """The last lines that it wrote to stderr; all of them before its first answer."""
        read = stderr.last_lines if self._began else stderr.first_lines
        try:
            return read(self._stderr.fileno())
        except (OSError, ValueError):
            return ""

    def crash(self) -> BackendCrashed:
        """How the process ended, with what it said on stderr."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(SHUTDOWN_SECONDS)
        code = self._process.poll()
        said = self.on_stderr()
        if code is None:
            return BackendCrashed("closed its stdout but kept running", said)
        if code < 0:
            return BackendCrashed(signal_name(-code), said, -code)
        number = _SHELL_CODES.get(code)
        how = f"exit code {code}" + (f", a shell's word for {number.name}" if number else "")
        return BackendCrashed(how, said, number)

    @contextlib.contextmanager
    def ended_by_trouble(self) -> Iterator[None]:
        """Any BackendTrouble ends the process too, and passes through."""
        try:
            yield
        except BackendTrouble:
            self._end()
            raise

    def close_input(self) -> None:
        """Let it see the end of its input."""
        with contextlib.suppress(OSError):
            self._stdin.close()

    def wait(self, seconds: float) -> int | None:
        """Its exit code, negative for a signal; None if it still runs after that time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def close(self, last_line: bytes = b"") -> None:
        """End the process and all that it started. Safe to call twice.

        With a last line that tells it to end, it is given SHUTDOWN_SECONDS to do so by itself.
        """
        running = not self._ended and self._process.poll() is None
        if last_line and running and self.send_last(last_line):
            self.close_input()
            self.wait(SHUTDOWN_SECONDS)
        self._end()
        for stream in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()

    # ------------------------------------------------------------------ details

    def _next_line(self) -> bytes:
        """Take the first line of what came; nothing if it is not complete."""
        last = self._unread[-1] if self._unread else b""
        end = last.find(b"\n") + 1
        if not end:
            return b""
        line = b"".join([*self._unread[:-1], last[:end]])
        self._unread = [last[end:]] if end < len(last) else []
        self._began = True
        return line

    def _write(self) -> bool:
        """Write a part of what is unsent; whether there may be more to write."""
        try:
            count = os.write(self._stdin.fileno(), self._unsent[:_CHUNK])
        except BlockingIOError:
            return True
        except OSError:  # it reads no more; whether it died shows on stdout
            return False
        self._unsent = self._unsent[count:]
        self._left -= count
        self._refill()
        return bool(self._unsent)

    def _refill(self) -> None:
        while not self._unsent and (piece := next(self._pieces, None)) is not None:
            self._unsent = memoryview(piece)

    def _glance(self) -> None:
        """End it when it holds too much; looked at now and then, as looking takes time."""
        if time.monotonic() - self._glanced < _GLANCE_SECONDS:
            return
        self._glanced = time.monotonic()
        most = _most_memory()
        if resident(self.pid) > most:
            raise BackendTooLarge(
                f"it held more than {most:g} MB; whatever a case asks for takes far less"
            )

    def _hung(self) -> BackendHung:
        """The same words in every run: no seconds left, no counts of what a pipe can hold."""
        if self._unread:
            begun = shown(self.unread)
            text = f"no complete line on stdout in time, only some without a newline: {begun}"
        elif self._unsent:
            taken = "a part" if self._left < self._size else "nothing"
            text = f"stdin was not read in time: of {self._size} bytes {taken} was taken"
        else:
            text = "no answer in time (a line must end in a newline and be flushed)"
        return BackendHung(text)

    def _end(self) -> None:
        """End the process, its group, and what left that. Once only: ids are used again."""
        if self._ended:
            return
        self._ended = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_KILL_SECONDS)
        self._family.end()


def signal_name(number: int) -> str:
    """As the system calls it, or its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _most_memory() -> float:
    """What a program may hold, in megabytes."""
    return float(min(MAX_MEMORY_MB, psutil.virtual_memory().total / MEGABYTE / 2))


def _readable(selector: selectors.BaseSelector, stream: IO[bytes]) -> bool:
    return any(key.fileobj is stream for key, _ in selector.select(0))
