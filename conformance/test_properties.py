"""Laws and drawn sequences, with `--properties quick | default | thorough`; one test a part."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from conformance.caseitem import ABOUT, about
from conformance.engine.verdict import Status
from conformance.plugin import RESULT, state_of
from conformance.properties.profiles import Part
from conformance.properties.run import Properties


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parts = state_of(metafunc.config).parts()
    metafunc.parametrize("part", parts, ids=[part.id for part in parts])


@pytest.fixture(scope="session")
def properties(request: pytest.FixtureRequest) -> Iterator[Properties]:
    """A backend of its own for this process, beside the reference."""
    state = state_of(request.config)
    made = Properties(state.run(), state.order(), request.config.getoption("found"))
    yield made
    made.close()


def test_property(part: Part, properties: Properties, request: pytest.FixtureRequest) -> None:
    result = properties.result(part)
    said = about(state_of(request.config).run())
    request.node.user_properties += [
        (RESULT, msgspec.json.encode(result).decode()), (ABOUT, said),
    ]  # fmt: skip
    if result.status is Status.NOT_APPLICABLE:
        pytest.skip(f"not tried: {result.detail}")
    if result.status.failed:
        pytest.fail(result.detail, pytrace=False)
