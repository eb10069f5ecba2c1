"""Whether an error has the code that the protocol gives it."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.doctor.examine import Problem
from conformance.doctor.patient import Patient
from conformance.transport.backend import ProtocolViolation
from conformance.transport.causes import Violation

# An error that is one, but wrongly coded.
CODED = (Violation.MALFORMED_ERROR, Violation.MISSING_KIND, Violation.UNKNOWN_CODE)


def wrong_code(
    patient: Patient, code: int, what: str, op: str, **params: object
) -> Iterator[Problem]:
    """Problems of a request that is to be answered with an error of this code."""
    fix = f"answer it with error code {code}"
    try:
        error = patient.error(op, **params)
    except ProtocolViolation as violation:
        if violation.cause not in CODED:
            raise
        patient.drop()
        yield Problem(f"{what}: {violation}", fix)
        return
    if error is None or error.code != code:
        got = "a result" if error is None else f"error {error.code} ({error.message})"
        yield Problem(f"{what} was answered with {got}", fix)
