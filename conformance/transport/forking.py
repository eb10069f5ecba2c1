"""Processes that are forked from one which has imported all that it needs, and computed nothing.

Starting Python and importing MLX takes a quarter of a second, a fork a few milliseconds. A process
that has threads, or a device that does not outlive a fork, is not forked.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from conformance.transport.family import MARK, Family

_READY_SECONDS = 30.0
_ANSWER_SECONDS = 10.0
_LONGEST = 1 << 16
_LOOK_SECONDS = 0.001


class ForkingFailed(Exception):
    """There is nothing to fork from, or it cannot be forked."""


class ForkServer:
    """The process that is forked, as the suite sees it. Linux only."""

    def __init__(self, command: Sequence[str]) -> None:
        self._family = Family()
        self._ready = False
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*command, "--forks", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=self._family.environment,
            )

    def start(
        self, _command: Sequence[str], errors: IO[bytes], environment: Mapping[str, str]
    ) -> Forked:
        """A new process of it, which writes to `errors`; ForkingFailed if there is none."""
        if not self._ready:
            self._receive(_READY_SECONDS)
            self._ready = True
        taken, stdin = os.pipe()
        stdout, given = os.pipe()
        try:
            message = json.dumps({"mark": environment[MARK]}).encode()
            socket.send_fds(self._socket, [message], [taken, given, errors.fileno()])
            pid = self._receive(_ANSWER_SECONDS)["pid"]
            if pid is None:
                raise ForkingFailed("it has threads")
        except (OSError, ForkingFailed) as error:
            os.close(stdin)
            os.close(stdout)
            raise ForkingFailed(str(error)) from error
        finally:
            os.close(taken)
            os.close(given)
        return Forked(self, pid, open(stdin, "wb", 0), open(stdout, "rb", 0))

    def status(self, pid: int, seconds: float) -> int | None:
        """The exit code of a process of it, as `Popen` has it; None while it runs."""
        try:
            self._socket.send(json.dumps({"pid": pid, "seconds": seconds}).encode())
            code: int | None = self._receive(seconds + _ANSWER_SECONDS)["code"]
        except (OSError, ForkingFailed):  # it is gone, and who waited for its children with it
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            return -signal.SIGKILL
        return code

    def close(self) -> None:
        """End it, and what is left of its processes. Safe to call twice."""
        self._socket.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._family.end()

    def _receive(self, seconds: float) -> dict[str, Any]:
        self._socket.settimeout(seconds)
        try:
            said = self._socket.recv(_LONGEST)
        except OSError as error:
            raise ForkingFailed(str(error)) from error
        if not said:
            raise ForkingFailed("it has ended")
        answer: dict[str, Any] = json.loads(said)
        return answer


class Forked:
    """A forked process, with what of `subprocess.Popen` a channel needs."""

    def __init__(self, server: ForkServer, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._server = server
        self.pid = pid
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        if self._code is None:
            self._code = self._server.status(self.pid, 0.0)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; TimeoutExpired if it still runs after that time."""
        seconds = _READY_SECONDS if timeout is None else timeout
        if self._code is None:
            self._code = self._server.status(self.pid, seconds)
        if self._code is None:
            raise subprocess.TimeoutExpired(str(self.pid), seconds)
        return self._code


def serve_forks(descriptor: int, serve: Callable[[], None], forkable: bool) -> None:
    """Be what is forked: each child serves on pipes of its own. Ends when nobody listens."""
    with socket.socket(fileno=descriptor) as told:
        os.set_inheritable(descriptor, False)
        gc.collect()
        gc.freeze()  # what is shared stays shared
        told.send(b"{}")
        while True:
            said, descriptors, _, _ = socket.recv_fds(told, _LONGEST, 3)
            if not said:
                return
            order = json.loads(said)
            if not descriptors:
                told.send(json.dumps({"code": _code(order["pid"], order["seconds"])}).encode())
                continue
            alone = forkable and len(os.listdir("/proc/self/task")) == 1
            pid = os.fork() if alone else None
            if pid == 0:
                _child(told, descriptors, order["mark"], serve)
            for each in descriptors:
                os.close(each)
            told.send(json.dumps({"pid": pid}).encode())


def _child(
    told: socket.socket, descriptors: Sequence[int], mark: str, serve: Callable[[], None]
) -> None:
    """Never returns: whatever ends the service ends the process as it would end Python."""
    code = 1
    try:
        os.setsid()
        told.close()
        os.environ[MARK] = mark
        for number, each in enumerate(descriptors):
            os.dup2(each, number)
            os.close(each)
        serve()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code & 0xFF)


def _code(pid: int, seconds: float) -> int | None:
    """The exit code of a child, negative for a signal; None if it runs for longer than that."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # it was waited for already
            return -signal.SIGKILL
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= deadline:
            return None
        time.sleep(_LOOK_SECONDS)
