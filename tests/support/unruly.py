"""A whole adapter of a few operations, without an array library, that misbehaves as it is told.

`python unruly.py BEHAVIOUR FOLDER`; `healthy` is sound. The folder marks its processes as a test's
own, and is where a behaviour keeps what it must remember between two processes.
"""

import json
import os
import pathlib
import select
import signal
import sys
import time

BEHAVIOUR = sys.argv[1]
FOLDER = pathlib.Path(sys.argv[2])
WIDTHS = {"bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "float16": 2, "bfloat16": 2,
          "uint32": 4, "int32": 4, "float32": 4, "uint64": 8, "int64": 8, "float64": 8}  # fmt: skip
OPERATIONS = ["class_name", "get", "held", "hold", "measure", "new", "set", "set_state", "size",
              "snapshot", "write_in_place"]  # fmt: skip
REFUSED, NO_CACHE, NO_OPERATION, BAD_ARGUMENTS = 1, 2, -32601, -32602
caches = {}
kept = {}
pending = b""
answered = 0


class Failure(Exception):
    def __init__(self, code, message, kind=None):
        super().__init__(message)
        self.code, self.kind = code, kind


def is_(behaviour):
    return behaviour == BEHAVIOUR


def handshake():
    said = {"protocol": 1, "dialect": "mlx-lm-0.31", "capabilities": OPERATIONS,
            "implementation": {"name": "unruly", "version": "1", "language": "python"}}  # fmt: skip
    changes = {
        "handshake-misspells": {"capabilities": [*OPERATIONS, "make_masc"]},
        "handshake-twice": {"capabilities": [*OPERATIONS, "get"]},
        "handshake-few": {"capabilities": ["size"]},
        "handshake-dialect": {"dialect": "mlx-lm"},
        "handshake-silent-dialect": {"dialect": ""},
        "handshake-nameless": {"implementation": {"name": "", "version": "", "language": ""}},
        "handshake-new-protocol": {"protocol": 2},
        "handshake-bare": {"implementation": None},
        "handshake-null-version": {"implementation": {**said["implementation"], "version": None}},
        "handshake-null-dialect": {"dialect": None},
        "claims": {"capabilities": [*OPERATIONS, "make_mask"]},
        "claims-more": {"capabilities": [*OPERATIONS, "trim"]},
    }
    if is_("changes-its-mind"):
        return {**said, "dialect": "mlx-lm-0.31" if first_start() else "mlx-lm-0.32"}
    return {**said, **changes.get(BEHAVIOUR, {})}


def first_start():
    mark = FOLDER / "started"
    found = mark.exists()
    mark.touch()
    return not found


def check_tensor(value):
    if value is None or is_("takes-anything"):
        return
    try:
        count = WIDTHS[value["dtype"]]
        for n in value["shape"]:
            count *= n
        sound = len(bytes.fromhex(value["data"])) == count
    except (KeyError, ValueError, TypeError) as error:
        raise Failure(BAD_ARGUMENTS, f"not a tensor: {error}") from error
    if not sound:
        code = REFUSED if is_("malformed-is-refusal") else BAD_ARGUMENTS
        raise Failure(code, "wrong number of bytes", "ValueError")


def stored(value):
    """What a careless adapter makes of a tensor on its way in."""
    if value is None:
        return None
    data = value["data"]
    if value["dtype"] == "float32" and is_("quiets-nans"):
        data = data.replace("0100807f", "0100c07f")
    if value["dtype"] == "float32" and is_("loses-minus-zero"):
        data = data.replace("00000080", "00000000")
    if value["dtype"] == "bfloat16" and is_("widens-bfloat16"):
        data = "".join("c07f" if word in ("c17f", "817f") else word
                       for word in (data[i:i + 4] for i in range(0, len(data), 4)))  # fmt: skip
    shape = [1] if value["shape"] == [] and is_("has-no-scalars") else value["shape"]
    if is_("has-no-empties") and 0 in shape:
        raise Failure(REFUSED, "empty array", "ValueError")
    return {**value, "data": data, "shape": shape}


def sent(value):
    if value is None or is_("encodes-late"):
        return value
    changes = {
        "extra-key": {"strides": [1]},
        "short-tensor": {"data": value["data"][:-2]},
        "long-tensor": {"data": value["data"] + "00"},
        "upper-case": {"data": "FF" + value["data"][2:]},
        "unknown-dtype": {"dtype": "f32"},
        "shape-of-text": {"shape": "1,2"},
    }
    return {**value, **changes.get(BEHAVIOUR, {})}


def cache_of(params):
    if params["cache"] not in caches:
        if is_("makes-caches-up"):
            return [None]
        code = REFUSED if is_("handle-is-refusal") else NO_CACHE
        raise Failure(code, "no such cache", "KeyError")
    return caches[params["cache"]]


def slot_of(params):
    cache = cache_of(params)
    if not -len(cache) <= params["slot"] < len(cache):
        if is_("dies-refusing"):
            os.abort()
        if is_("swallows"):
            return [*cache, None], -1
        code = BAD_ARGUMENTS if is_("refusal-is-bad-arguments") else REFUSED
        raise Failure(code, "no such slot", None if is_("no-kind") else "IndexError")
    return cache, params["slot"]


def perform(method, params):
    if method == "initialize":
        return handshake()
    if method == "reset":
        if is_("reset-refuses"):
            raise Failure(REFUSED, "not now", "Busy")
        if not is_("never-forgets"):
            caches.clear()
            kept.clear()
        return None
    if method == "new":
        if is_("wrong-slot-kind"):
            raise Failure(REFUSED, "no", "TypeError")
        if is_("needs-padding"):
            params["left_padding"]
        caches[params["cache"]] = [None] * params["size"]
        return None
    if method == "get":
        cache, slot = slot_of(params)
        return sent(cache[slot])
    if method == "set":
        value = params["value"]
        check_tensor(value)
        cache, slot = slot_of(params)
        if value and len(value["data"]) > 10**6 and is_("dies-of-large"):
            os._exit(9)
        cache[slot] = stored(value)
        return None
    if method == "set_state":
        cache, state = cache_of(params), params["state"]
        if None in state and is_("denies-nulls"):
            raise Failure(NO_CACHE, "there is a null")
        if None in state and is_("refuses-nulls"):
            raise Failure(BAD_ARGUMENTS, "there is a null")
        if None in state and is_("refuses-nulls-late"):
            cache[0] = stored(state[0])
            raise Failure(REFUSED, "there is a null", "TypeError")
        cache[:] = [stored(v) for v in state if v is not None or not is_("drops-nulls")]
        return None
    if method == "measure":
        if is_("measures-handles"):
            params["arguments"]["cache"]
        return {"seconds": 1e-6 if is_("measures-once") else [1e-6], "peak_bytes": None}
    if method == "hold":
        cache = cache_of(params)
        if is_("holds-what-is-there") and params["what"] == "lengths":
            raise Failure(REFUSED, "there are no lengths", "ValueError")
        live = {"state": cache, "slot": cache[params.get("slot") or 0]}
        kept[params["name"]] = live.get(params["what"])
        return None
    if method == "held":
        if params["name"] not in kept and not is_("invents-held"):
            raise Failure(NO_CACHE, "nothing is held so", "KeyError")
        return kept.get(params["name"])
    if method == "write_in_place":
        check_tensor(params["value"])
        cache, slot = slot_of(params)
        cache[slot].update(stored(params["value"]))
        return None
    if method == "size":
        cache_of(params)
        return {"nan": float("nan"), "deep": eval("[" * 190 + "]" * 190)}.get(BEHAVIOUR, 0)
    if method == "class_name":
        cache_of(params)
        return "ArraysCache"
    if method == "snapshot":
        cache = cache_of(params)
        slots = {str(i): sent(s) for i, s in enumerate(cache)
                 if s is not None or is_("snapshot-of-all")}  # fmt: skip
        whole = {"class_name": "ArraysCache", "slot_count": len(cache), "slots": slots,
                 "left_padding": None, "lengths": None}  # fmt: skip
        if is_("snapshot-bare"):
            del whole["lengths"]
        return whole
    if method == "trim" and is_("hides"):
        return 0
    raise Failure(REFUSED if is_("unknown-is-refusal") else NO_OPERATION, f"what is {method}?")


def respond(request):
    whole = {"jsonrpc": "2.0", "id": request["id"]}
    if is_("wrong-id"):
        whole["id"] += 100
    if is_("text-id"):
        whole["id"] = str(whole["id"])
    if is_("float-id") and whole["id"] > 2**31:
        whole["id"] = float(whole["id"])
    if is_("no-version"):
        del whole["jsonrpc"]
    method, params = request["method"], request.get("params") or {}
    try:
        try:
            result = perform(method, params)
        except (KeyError, TypeError) as error:
            if is_("dies-of-arguments"):
                raise SystemExit(1) from error
            raise Failure(BAD_ARGUMENTS, f"missing: {error}") from error
    except Failure as failure:
        error = {"code": failure.code, "message": str(failure)}
        if failure.kind:
            error["data"] = {"kind": failure.kind, "payload": None if is_("null-payload") else {}}
        if is_("odd-codes"):
            error["code"] = -5
        return {**whole, "error": error}
    if is_("neither") and method == "get":
        return whole
    if is_("both"):
        return {**whole, "result": result, "error": {"code": 2, "message": "?"}} if result else {
            **whole, "result": None}  # fmt: skip
    if is_("null-error"):
        whole["error"] = None
    return {**whole, "result": result}


def write(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]  # fmt: skip


def encoded(message):
    text = json.dumps(message, ensure_ascii=is_("healthy")).encode() + b"\n"
    if is_("not-utf8"):
        text = text.replace(b'"result": null', b'"result": "\xe9"')
    if is_("very-deep"):
        text = text.replace(b'"result": null', b'"result": ' + b"[" * 10**5 + b"]" * 10**5)
    if is_("byte-order-mark") and not answered:
        text = b"\xef\xbb\xbf" + text
    if is_("pretty"):
        text = json.dumps(message, indent=1).encode() + b"\n"
    return text


def answer(lines):
    """Answer the lines that came together; how they are written is the behaviour's."""
    out = []
    for line in lines:
        message = json.loads(line.decode("latin-1" if is_("latin-1") else "utf-8"))
        if is_("no-escapes") and b"\\u" in line:
            message["params"] = {"cache": line.decode()}
        batch = message if isinstance(message, list) else [message]
        if batch[0]["method"] == "shutdown":
            end(batch[0])
            continue
        if batch[0]["method"] != "initialize":
            before(batch)
        replies = [respond(request) for request in batch]
        if is_("backwards"):
            replies.reverse()
        failed = any("error" in reply for reply in replies)
        if is_("stops-at-failure") and failed and len(replies) > 1:
            replies = [{**reply, "result": None, "error": {"code": 2, "message": "?"}}
                       for reply in replies]  # fmt: skip
        if (isinstance(message, list) and not is_("no-lists")) or is_("lists-for-all"):
            out.append(encoded(replies))
        else:
            out.extend(encoded(reply) for reply in replies)
    if is_("answers-last-first"):
        out.reverse()
    send(out)


def before(batch):
    method = batch[0]["method"]
    if is_("silent"):
        signal.pause()
    if is_("dies"):
        print("out of cheese", file=sys.stderr, flush=True)
        os._exit(3)
    if is_("traps") and any(request["method"] == "get" for request in batch):
        os.kill(os.getpid(), signal.SIGILL)
    if is_("logs"):
        write(b"[info] " + method.encode() + b"\n")
    if is_("slow"):
        time.sleep(0.01)
    if is_("endless"):
        while True:
            write(b"x" * 65536)


def send(out):
    global answered
    if is_("split"):
        for line in out:
            for part in (line[:1], line[1:20], line[20:-1], line[-1:]):
                write(part)
                time.sleep(0.001)
    elif is_("no-newline") and answered:
        write(b"".join(out)[:-1])
    else:  # in one piece: what comes later may be noticed with a later answer
        more = is_("adds-a-line") and answered + len(out) > 1
        write(b"".join(out) + b"done\n" * more)
    answered += len(out)
    if is_("dies-between") and answered > 1:
        os._exit(4)
    if is_("talks-later") and answered > 1:
        time.sleep(0.02)
        write(b"flushed\n")


def end(request):
    if is_("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return
    if is_("ends-badly"):
        os._exit(5)
    if is_("ends-in-a-signal"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if is_("remembers"):
        (FOLDER / "caches").write_text(json.dumps(caches))
    if is_("says-goodbye"):
        write(b"saving\nbye\n")
    write(encoded({"jsonrpc": "2.0", "id": request["id"], "result": None}))
    os._exit(0)


def child():
    if os.fork() == 0:
        os.close(0)
        if is_("forks-away"):
            os.setsid()
        signal.pause()


def main():
    global pending
    if is_("dies-at-start"):
        print("no such weights", file=sys.stderr, flush=True)
        os._exit(5)
    if is_("panics-at-start"):
        frames = "".join(f"main.f{n}()\n\t/port/main.go:{n} +0x1d\n" for n in range(30))
        print(f"panic: no weights\n\ngoroutine 1 [running]:\n{frames}exit status 2",
              file=sys.stderr)  # fmt: skip
        sys.exit(2)
    if is_("silent-at-start"):
        signal.pause()
    if is_("remembers") and (FOLDER / "caches").exists():
        caches.update(json.loads((FOLDER / "caches").read_text()))
    if is_("logs-at-start"):
        write(b"Loading libraries ...\n")
    if is_("starts-once") and not first_start():
        print("the lock is taken", file=sys.stderr, flush=True)
        os._exit(6)
    if BEHAVIOUR in ("forks", "forks-away"):
        child()
    parts = []
    while chunk := os.read(0, 1 << 20):
        parts.append(chunk)
        if b"\n" not in chunk:
            continue
        *lines, pending = b"".join(parts).split(b"\n")
        parts = [pending]
        # Wait for what comes with it, so that all of it is answered in one write.
        while BEHAVIOUR in ("glued", "answers-last-first") and select.select([0], [], [], 0.01)[0]:
            more = os.read(0, 1 << 20)
            if not more:
                break
            *others, pending = (pending + more).split(b"\n")
            parts = [pending]
            lines += others
        if lines:
            answer(lines)
    while BEHAVIOUR in ("stays", "stubborn"):
        signal.pause()


if __name__ == "__main__":
    main()
