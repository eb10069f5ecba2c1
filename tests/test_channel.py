"""Pipes and lines, below any protocol: what is sent arrives, what comes is given line by line."""

from __future__ import annotations

import sys

import pytest

from conformance.transport import channel as channel_module
from conformance.transport.backend import BackendCrashed, BackendHung, ProtocolViolation
from conformance.transport.causes import Violation
from conformance.transport.channel import Channel

ECHO = "for line in sys.stdin.buffer: out(line)"
PRELUDE = """
import sys, time
def out(data):
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
def asked():
    return sys.stdin.readline()
"""


@pytest.fixture
def opened():
    """Starts a program of some lines of Python, and ends it afterwards."""
    channels = []

    def start(program: str) -> Channel:
        channels.append(Channel([sys.executable, "-I", "-S", "-c", f"{PRELUDE}\n{program}"]))
        return channels[-1]

    yield start
    for channel in channels:
        channel.close()


def test_lines_that_came_together_are_given_one_by_one(opened):
    channel = opened("asked(); out(b'one\\ntwo\\nthr'); asked(); out(b'ee\\n')")
    channel.send(b"go\n")
    assert channel.read_line(20) == b"one\n"
    assert channel.unread == b"two\nthr"
    assert channel.read_line(20) == b"two\n"
    channel.send(b"go\n")
    assert channel.read_line(20) == b"three\n"
    assert channel.unread == b""


def test_a_line_that_did_not_come_in_time_can_be_awaited_further(opened):
    channel = opened("out(b'be'); asked(); out(b'gun\\n')")
    with pytest.raises(BackendHung, match="only some without a newline: be"):
        channel.read_line(1)
    channel.send(b"go\n")
    assert channel.read_line(20) == b"begun\n"


def test_lines_longer_than_a_pipe_go_both_ways(opened):
    long = b"x" * 3_000_000 + b"\n"
    channel = opened(ECHO)
    channel.send(long)
    channel.send(b"short\n")
    assert channel.read_line(20) == long
    assert channel.read_line(20) == b"short\n"


def test_an_endless_line_is_ended(opened, monkeypatch):
    monkeypatch.setattr(channel_module, "MAX_LINE_BYTES", 1 << 18)
    channel = opened("while True: out(b'x' * 4096)")
    with pytest.raises(ProtocolViolation) as long, channel.ended_by_trouble():
        channel.read_line(20)
    assert long.value.cause is Violation.LINE_TOO_LONG
    assert channel.wait(0) is not None


def test_what_is_said_unasked_is_heard(opened):
    channel = opened("asked(); out(b'answer\\n'); out(b'more'); asked()")
    assert channel.listen() == b""
    channel.send(b"go\n")
    assert channel.read_line(20) == b"answer\n"
    assert channel.listen(20) == b"more"


def test_silence_of_the_dead_is_a_crash(opened):
    with pytest.raises(BackendCrashed, match="exit code 7"):
        opened("sys.exit(7)").listen(20)


def test_what_is_told_to_end_may_end_by_itself(opened):
    channel = opened("asked(); sys.exit(0)")
    channel.close(last_line=b"bye\n")
    assert channel.wait(0) == 0
    channel.close(last_line=b"bye\n")
    stubborn = opened("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                      "out(b'here\\n')\nwhile True: time.sleep(9)")  # fmt: skip
    assert stubborn.read_line(20) == b"here\n"
    stubborn.close()
    assert stubborn.wait(0) == -9
