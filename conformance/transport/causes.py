"""Why an answer is not one that the protocol allows, and why a backend cannot be used, as data."""

from __future__ import annotations

from enum import Enum


class Violation(str, Enum):
    """What is wrong with an answer."""

    # the line
    NOT_UTF8 = "not-utf-8"
    NOT_JSON = "not-json"
    NAN_OR_INFINITY = "nan-or-infinity"
    BROKEN_LINE = "broken-line"
    MORE_LINES = "more-lines"
    LINE_TOO_LONG = "line-too-long"
    NESTED_TOO_DEEP = "nested-too-deep"
    UNASKED = "unasked"
    # the responses in it
    LIST_FOR_ONE = "list-for-one"
    NO_LIST = "no-list"
    WRONG_COUNT = "wrong-count"
    WRONG_ORDER = "wrong-order"
    WRONG_ID = "wrong-id"
    NOT_A_RESPONSE = "not-a-response"
    MISSING_RESULT = "missing-result"
    RESULT_AND_ERROR = "result-and-error"
    # an error
    MALFORMED_ERROR = "malformed-error"
    MISSING_KIND = "missing-kind"
    UNKNOWN_CODE = "unknown-code"
    DECLARED_BUT_UNKNOWN = "declared-but-unknown"
    ARGUMENTS_NOT_TAKEN = "arguments-not-taken"
    ADAPTER_FAILED = "adapter-failed"
    # a result
    MALFORMED_TENSOR = "malformed-tensor"
    MALFORMED_RESULT = "malformed-result"
    MALFORMED_HANDSHAKE = "malformed-handshake"
    OTHER_PROTOCOL = "other-protocol"
    INITIALIZE_REFUSED = "initialize-refused"
    RESET_REFUSED = "reset-refused"


class Oddity(str, Enum):
    """What the protocol has otherwise, but leaves no doubt of what is meant: it costs no case."""

    BYTE_ORDER_MARK = "byte-order-mark"
    ERROR_NULL = "error-null"
    PAYLOAD_NULL = "payload-null"
    TEXT_NULL = "text-null"


class Unusable(str, Enum):
    """Why a backend string leads nowhere."""

    NO_BACKEND = "no-backend"  # it is not spelled like one, or nothing has the name
    NOT_STARTED = "not-started"  # the system does not run the command
    HANDSHAKE_FAILED = "handshake-failed"
    NO_ENVIRONMENT = "no-environment"  # the release cannot be installed
    NOT_IMPORTED = "not-imported"  # the Python module does not load
    NO_CACHE_CLASS = "no-cache-class"  # there is no class, or none shaped like a slot cache
    NO_DIALECT = "no-dialect"  # neither it nor the user says by which rules to judge
    OTHER_DEVICE = "other-device"  # it does not compute where the user asks for
    UNKNOWN_CAPABILITY = "unknown-capability"
    MISSING_CAPABILITY = "missing-capability"
