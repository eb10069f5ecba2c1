"""Programs that are started again and again: forked from one that is ready, or with a spare."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from conformance.transport import command, connect, served
from conformance.transport.backend import BackendCrashed, OperationRefused
from conformance.transport.starting import Forks, Spares

SWIFT = "mlx-swift-lm-3.31.4"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked to fork")


@pytest.fixture(scope="module")
def forks():
    made = Forks(command(served("reference", SWIFT)))
    yield made
    made.close()


def forked(forks):
    return connect(served("reference", SWIFT), SWIFT, start=forks)


def ended(pid):
    """Whether a process ends soon; the system may take a while to forget it."""
    for _ in range(500):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


@LINUX
def test_each_is_a_process_of_its_own_with_nothing_of_the_others(forks):
    with forked(forks) as one, forked(forks) as other:
        one.call("new", cache="c", size=1)
        assert len({one.pid, other.pid, os.getpid()}) == 3
        assert psutil.Process(one.pid).ppid() == psutil.Process(other.pid).ppid() != os.getpid()
        with pytest.raises(OperationRefused, match="UnknownCache"):
            other.call("snapshot", cache="c")


@LINUX
def test_what_ends_it_is_known_with_what_it_said(forks):
    with forked(forks) as one:
        one.call("new", cache="c", size=1)
        with pytest.raises(BackendCrashed) as crash:
            one.call("get", cache="c", slot=7)
    assert crash.value.signal == signal.SIGILL
    assert "trap: " in crash.value.stderr
    with forked(forks) as next_one:
        next_one.call("new", cache="c", size=1)


@LINUX
def test_nothing_is_left_of_one_that_is_closed_or_of_what_they_are_forked_from():
    own = Forks(command(served("reference", SWIFT)))
    one = forked(own)
    pid, parent = one.pid, psutil.Process(one.pid).ppid()
    one.close()
    assert not psutil.pid_exists(pid)
    two = forked(own)
    own.close()
    assert not psutil.pid_exists(parent)
    assert ended(two.pid)
    two.close()


def test_a_program_that_cannot_be_forked_is_started(forks):
    own = Forks([sys.executable, "-c", "pass"])
    with forked(own) as one:
        one.call("new", cache="c", size=1)
    own.close()


def test_a_program_that_was_started_twice_has_a_spare():
    program = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    taken, spares = [], Spares()
    before = set(psutil.Process().children())

    def spare():
        """The processes that were started and handed out to nobody. Their command says nothing: the
        system shows none for a moment after a start.
        """
        found = {one.pid for one in set(psutil.Process().children()) - before}
        return found - {channel.pid for channel in taken}

    taken.append(spares(program))
    assert not spare()
    taken.append(spares(program))
    (waiting,) = spare()
    taken.append(spares(program))
    assert taken[-1].pid == waiting
    (waiting,) = spare()
    os.kill(waiting, signal.SIGKILL)
    os.waitid(os.P_PID, waiting, os.WEXITED | os.WNOWAIT)
    taken.append(spares(program))
    assert taken[-1].pid != waiting
    assert taken[-1].lives
    for channel in taken:
        channel.close()
    (waiting,) = spare()
    spares.close()
    assert not psutil.pid_exists(waiting)
