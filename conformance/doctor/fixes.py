"""What an adapter's author changes, for each way in which an answer is wrong."""

from __future__ import annotations

from conformance.transport.causes import Oddity, Violation

CRASH = (
    "no request may end the process: catch what the implementation raises and answer it with error "
    "code 1 and data.kind"
)
ENDS = (
    "go on reading stdin after an answer, until it ends or shutdown comes: one process serves many "
    "cases"
)
HANG = (
    "read stdin line by line until it ends, answer each line with one line that ends in a newline, "
    "and flush stdout after it"
)
MEMORY = "find what allocates: no request of the doctor needs more than a few megabytes"
LARGE = (
    "read a line of any length, in large parts and in linear time, and put its parts together once"
)

_ONE_LINE = (
    "answer one line with exactly one line: no logs on stdout, no line breaks inside a response, "
    "one list for a list"
)
_LIST = (
    "answer a line that holds a list of requests with one line that holds the list of responses in "
    "the same order, and a single request with a single response"
)
_RESPONSE = (
    'a response is {"jsonrpc": "2.0", "id": N, "result": ...}, or with "error" in place of result; '
    "a result of nothing is null"
)
_ERROR = (
    'an error is {"code": 1, "message": "...", "data": {"kind": "...", "payload": {}}}; data.kind '
    "is the error's name in the implementation"
)
_TENSOR = (
    'a tensor is {"dtype": "float32", "shape": [2, 3], "data": "..."}: the dtype by MLX\'s name, '
    "and two lower-case hex digits for each byte of the row-major elements, little-endian"
)
_HANDSHAKE = (
    'initialize gives {"protocol": 1, "implementation": {"name", "version", "language"}, '
    '"dialect": "...", "capabilities": ["new", "get", ...]}'
)

FIXES = {
    Violation.NOT_UTF8: "encode stdout as UTF-8, whatever the locale is",
    Violation.NOT_JSON: "write nothing but responses to stdout; logs, prints and progress belong "
    "to stderr",
    Violation.NAN_OR_INFINITY: "JSON has no NaN and no Infinity: floats travel only inside "
    "tensors, whose data is hex; give null or an error for any other",
    Violation.BROKEN_LINE: _ONE_LINE,
    Violation.MORE_LINES: _ONE_LINE,
    Violation.LINE_TOO_LONG: "answer only what was asked; no answer of a case is as long as that",
    Violation.NESTED_TOO_DEEP: "results are a few lists deep: a value, a tensor, a list of them, "
    "or the caches of a file",
    Violation.UNASKED: "write to stdout only in answer to a request; logs, prints and progress "
    "belong to stderr",
    Violation.LIST_FOR_ONE: _LIST,
    Violation.NO_LIST: _LIST,
    Violation.WRONG_COUNT: _LIST,
    Violation.WRONG_ORDER: "answer requests in the order in which they come, one after the other",
    Violation.WRONG_ID: "copy `id` from the request into its response, as the number that it is",
    Violation.NOT_A_RESPONSE: _RESPONSE,
    Violation.MISSING_RESULT: _RESPONSE,
    Violation.RESULT_AND_ERROR: _RESPONSE,
    Violation.MALFORMED_ERROR: _ERROR,
    Violation.MISSING_KIND: _ERROR,
    Violation.UNKNOWN_CODE: "the codes are 1 (the implementation refused), 2 (unknown handle), "
    "-32601 (unknown operation), -32602 (invalid arguments) and -32603 (the adapter's own failure)",
    Violation.DECLARED_BUT_UNKNOWN: "implement it, or take it off the capabilities",
    Violation.ARGUMENTS_NOT_TAKEN: "read the arguments as the schema names them",
    Violation.ADAPTER_FAILED: _TENSOR,
    Violation.MALFORMED_TENSOR: _TENSOR,
    Violation.MALFORMED_RESULT: "a result has the form that docs/protocol.md gives for its "
    'operation; a snapshot is {"class_name", "slot_count", "slots": {"0": tensor}, '
    '"left_padding", "lengths"}, with null for what is unset and only the slots that are set',
    Violation.MALFORMED_HANDSHAKE: _HANDSHAKE,
    Violation.OTHER_PROTOCOL: _HANDSHAKE,
    Violation.INITIALIZE_REFUSED: _HANDSHAKE,
    Violation.RESET_REFUSED: "reset drops all handles; give null",
}

# What is no fault, in words, and what to write in its place.
ODDITIES = {
    Oddity.BYTE_ORDER_MARK: (
        "stdout begins with a byte order mark",
        "write UTF-8 without a byte order mark",
    ),
    Oddity.ERROR_NULL: (
        '"error": null beside a result',
        "leave error out of a response that has a result",
    ),
    Oddity.PAYLOAD_NULL: (
        '"payload": null in an error',
        "leave payload out where it is empty, or give {}",
    ),
    Oddity.TEXT_NULL: (
        "null in place of a text",
        'write "" for a version, homepage, issues or dialect that is not known',
    ),
}
