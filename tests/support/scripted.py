"""An adapter of a few lines that misbehaves, when it is asked for `size`, as its argument says.

`python scripted.py BEHAVIOUR TOKEN`; the token does nothing but mark the processes as a test's own.
"""

import json
import os
import signal
import sys
import time

BEHAVIOUR = sys.argv[1]
WHO = {"name": "scripted", "version": "1", "language": "python"}
HANDSHAKE = {"protocol": 1, "implementation": WHO, "dialect": "mlx-lm-0.31",
             "capabilities": ["size", "get", "set", "class_name", "snapshot"]}  # fmt: skip
RESULTS = {
    "infinity": float("-inf"),
    "nan": float("nan"),
    "deep": json.loads("[" * 170 + "]" * 170),
    "tensor-short": {"dtype": "float32", "shape": [2], "data": "00000000"},
    "tensor-dtype": {"dtype": "f32", "shape": [1], "data": "00000000"},
    "tensor-without-data": {"dtype": "float32", "shape": [1]},
    "tensor-upper": {"dtype": "uint8", "shape": [1], "data": "FF"},
    "tensor-in-list": [7, {"dtype": "uint8", "shape": [1], "data": "0"}],
}
ERRORS = {
    "no-data": {"code": 1, "message": "m"},
    "no-kind": {"code": 1, "message": "m", "data": {"payload": {}}},
    "no-message": {"code": 1, "data": {"kind": "E"}},
    "kind-number": {"code": 1, "message": "m", "data": {"kind": 5}},
    "payload-list": {"code": 1, "message": "m", "data": {"kind": "E", "payload": []}},
    "code-unknown": {"code": -1, "message": "m"},
    "denies": {"code": -32601, "message": "what is size?"},
    "bad-arguments": {"code": -32602, "message": "cache: unknown"},
    "adapter-bug": {"code": -32603, "message": "cannot encode"},
    "unknown-cache": {"code": 2, "message": "c"},
    "refuses": {"code": 1, "message": "m", "data": {"kind": "E", "payload": {"n": 1}}},
}
SNAPSHOTS = {
    "snapshot-bare": {"class_name": "A", "slot_count": 0, "slots": {}, "left_padding": None},
    "snapshot-list": {**dict.fromkeys(("class_name", "slot_count", "left_padding", "lengths")),
                      "slots": []},
    "snapshot-null": None,
}  # fmt: skip
HANDSHAKES = {
    "handshake-protocol": {**HANDSHAKE, "protocol": 2},
    "handshake-bare": {k: v for k, v in HANDSHAKE.items() if k != "capabilities"},
    "handshake-null": None,
}
kept = None


def fork_sleeper() -> None:
    if os.fork() == 0:
        if BEHAVIOUR.startswith("forks-away"):
            os.setsid()
        signal.pause()


def answer(request: dict) -> dict:
    global kept
    op, params = request["method"], request.get("params") or {}
    whole = {"jsonrpc": "2.0", "id": request["id"]}
    if op == "size" and BEHAVIOUR in ERRORS:
        return {**whole, "error": ERRORS[BEHAVIOUR]}
    if op == "reset" and BEHAVIOUR == "reset-refused":
        return {**whole, "error": {"code": 1, "message": "no", "data": {"kind": "E"}}}
    if op == "reset" and BEHAVIOUR == "dies-freeing" and kept:
        os.abort()
    if op == "set":
        kept = params["value"]
    results = {
        "initialize": HANDSHAKES.get(BEHAVIOUR, HANDSHAKE),
        "size": RESULTS.get(BEHAVIOUR, 7),
        "get": kept,
        "class_name": "ArraysCache",
        "snapshot": SNAPSHOTS.get(BEHAVIOUR),
    }
    return {**whole, "result": results.get(op)}


def write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def send(message: object) -> None:
    write(json.dumps(message).encode() + b"\n")


def misbehave(reply: list) -> None:
    """Answer the message with `size` in it. `reply` is the list of right responses."""
    message = reply if len(reply) > 1 else reply[0]
    line = json.dumps(message).encode() + b"\n"
    if BEHAVIOUR.startswith("signal-"):
        os.kill(os.getpid(), int(BEHAVIOUR[7:]))
    if BEHAVIOUR.startswith("exit-"):
        print("first words\nlast words", file=sys.stderr, flush=True)
        os._exit(int(BEHAVIOUR[5:]))
    if BEHAVIOUR == "closes-stdout":
        os.close(1)
        signal.pause()
    elif BEHAVIOUR in ("forks-and-dies", "forks-away-and-dies"):
        fork_sleeper()
        os._exit(3)
    elif BEHAVIOUR == "grows":
        held = []
        while len(held) < 500:
            held.append(b"x" * 2**22)
            time.sleep(0.01)
    elif BEHAVIOUR.startswith("asks-for-"):
        held = bytearray(2 ** (40 if BEHAVIOUR.endswith("terabyte") else 30))
        write(line)
        del held
    elif BEHAVIOUR == "silent":
        signal.pause()
    elif BEHAVIOUR == "slow":
        time.sleep(0.2)
        write(line)
    elif BEHAVIOUR == "logs-before":
        write(b"loading the model\n" + line)
    elif BEHAVIOUR == "logs-after":
        write(line + b"done\n")
    elif BEHAVIOUR == "says-it-twice":
        write(line + line)
    elif BEHAVIOUR == "split":
        for part in (line[:1], line[1:9], line[9:-1], line[-1:]):
            write(part)
            time.sleep(0.01)
    elif BEHAVIOUR == "half":
        write(line[:-5])
        os._exit(0)
    elif BEHAVIOUR == "no-newline":
        write(line[:-1])
        signal.pause()
    elif BEHAVIOUR == "endless-line":
        while True:
            write(b"x" * 65536)
    elif BEHAVIOUR == "very-deep":
        write(line.replace(b"7", b"[" * 100_000 + b"]" * 100_000))
    elif BEHAVIOUR == "not-utf8":
        write(line.replace(b"7", b'"\xff"'))
    elif BEHAVIOUR == "wrong-id":
        send([{**r, "id": r["id"] + 100} for r in reply] if len(reply) > 1
             else {**message, "id": message["id"] + 100})  # fmt: skip
    elif BEHAVIOUR == "null-id":
        send({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "cannot parse"}})
    elif BEHAVIOUR == "backwards":
        send(reply[::-1] if len(reply) > 1 else message)
    elif BEHAVIOUR == "too-few":
        send(reply[:-1] if len(reply) > 1 else message)
    elif BEHAVIOUR == "list-for-one":
        send(reply)
    elif BEHAVIOUR == "no-version":
        send({"id": reply[-1]["id"], "result": 7} if len(reply) == 1 else [{"id": 1}] * len(reply))
    elif BEHAVIOUR in ("neither", "both"):
        last = {"jsonrpc": "2.0", "id": reply[-1]["id"]}
        if BEHAVIOUR == "both":
            last.update(result=7, error=ERRORS["refuses"])
        send([*reply[:-1], last] if len(reply) > 1 else last)
    elif BEHAVIOUR == "loud":
        sys.stderr.write("noise\n" * 200_000)
        sys.stderr.flush()
        write(line)
    elif BEHAVIOUR == "loud-death":
        sys.stderr.write("noise " * 200_000)
        sys.stderr.flush()
        os._exit(3)
    else:
        write(line)
    if BEHAVIOUR in ("dies-after", "dies-soon-after"):
        time.sleep(0.02 * (BEHAVIOUR == "dies-soon-after"))
        os._exit(4)
    if BEHAVIOUR == "logs-later":
        time.sleep(0.02)
        write(b"by the way\n")


def main() -> None:
    if BEHAVIOUR == "start-dies":
        print("no such weights", file=sys.stderr, flush=True)
        os._exit(5)
    if BEHAVIOUR == "start-silent":
        signal.pause()
    if BEHAVIOUR == "start-slow":
        time.sleep(0.5)
    if BEHAVIOUR == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if BEHAVIOUR in ("forks", "forks-away"):
        fork_sleeper()
    for line in sys.stdin.buffer:
        message = json.loads(line)
        batch = message if isinstance(message, list) else [message]
        if batch[0]["method"] == "shutdown":
            if BEHAVIOUR == "stubborn":
                continue
            return
        reply = [answer(request) for request in batch]
        if any(request["method"] == "size" for request in batch):
            misbehave(reply)
        elif BEHAVIOUR == "no-batches" and isinstance(message, list):
            send({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "a list?"}})
        else:
            send(reply if isinstance(message, list) else reply[0])
        if BEHAVIOUR == "deaf":
            signal.pause()
        if BEHAVIOUR == "deafened":
            os.close(0)
            signal.pause()
    while BEHAVIOUR == "stubborn":
        signal.pause()


if __name__ == "__main__":
    main()
