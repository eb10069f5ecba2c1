"""Ports and skeletons in other languages: built, judged by the whole suite, and seen to fail."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from test_agreement import compare

from conformance.cli.new_adapter import DIALECT_OF, LANGUAGES, create, skeleton
from conformance.engine.plan import applicability
from conformance.filetools.exchange import exchange
from conformance.filetools.model import read_cases
from conformance.filetools.participants import participants
from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.properties.agreement import differences
from conformance.transport import connect
from conformance.transport.tokencaches import KINDS as TOKEN_CACHES
from tools import toolchains
from tools.pages import protocol as protocol_page

ROOT = Path(__file__).resolve().parent.parent
PORTS = ROOT / "ports"
ADAPTER = "slot-cache-adapter"
CLASSES = {**TOKEN_CACHES, "list": "CacheList", "prompt": "trim_prompt_cache"}
CPP_KINDS = frozenset({"slots", "files", "kv", "rotating"})
# Where no array ever changes that was handed out, nothing is written in place.
CPP_LACKS = ("kv.write_in_place", "rotating.write_in_place")
BY_COMMAND = [sys.executable, "-m", "conformance"]
SKELETONS = toolchains.SKELETONS
# bug of ports/cpp/src/planted.hpp -> chapter that catches it, and what the failure must say
PLANTED = {
    1: ("restore", "RESTORE-", "slot"),
    2: ("restore", "RESTORE-014", "as they were"),
    3: ("mask", "MASK-004", "combination"),
    4: ("copy", "COPY-001", "lengths"),
    5: ("restore", "RESTORE-004", "ASCII digits"),
}


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One process at a time builds in a folder; the tests may run in several."""
    folder = os.open(PORTS / name, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def run(command: list[str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def make(target: str, *options: str) -> None:
    # make's own variables would reach the build and change it
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", "--no-print-directory", target, *options],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def judged(backend: str, *options: str) -> subprocess.CompletedProcess[str]:
    return run([*BY_COMMAND, "run", "--quiet", "--backend", backend, *options])


def passes_everything(
    backend: str, *lacking: str, kinds: frozenset[str] = frozenset({"slots", "files"})
) -> None:
    """Every case of these kinds that applies in mlxrs-0.1 passes, but for what needs `lacking`."""
    suite = load_suite()
    dialect = suite.dialects["mlxrs-0.1"]
    served = {op.wire for kind in kinds for op in KINDS[kind].operations.values()}
    operations = {op for op in KINDS.case_operations if op in served and op not in lacking}
    applying = [c for c in suite.cases.values() if applicability(c, dialect, operations) is None]
    done = judged(backend)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"{len(applying)} passed, 0 failed, ")


def needs(what: str) -> None:
    """Skip where this machine lacks what a build needs; `make test` names that at its end."""
    need = toolchains.missing(what)
    if need is not None:
        pytest.skip(toolchains.not_run(what, need))


@pytest.fixture(scope="module")
def cpp() -> Path:
    needs("C++ port")
    with locked("cpp"):
        make("port-cpp")
    return PORTS / "cpp" / "build" / ADAPTER


@pytest.fixture(scope="module")
def sanitized() -> Path:
    needs("C++ port")
    with locked("cpp"):
        make("port-cpp-sanitized")
    return PORTS / "cpp" / "build" / "sanitized" / ADAPTER


def test_the_cpp_port_passes_the_whole_suite(cpp):
    passes_everything(f"cmd:{cpp}", *CPP_LACKS, kinds=CPP_KINDS)


def test_the_cpp_port_is_clean_under_the_sanitizers(sanitized):
    passes_everything(f"cmd:{sanitized}", *CPP_LACKS, kinds=CPP_KINDS)


def test_the_cpp_port_writes_what_the_strict_reader_finds_again(cpp, tmp_path):
    port, strict = participants(f"cmd:{cpp}")[0], participants("reference@strict")[0]
    every = read_cases()
    contents = replace(every, cases=[content for content in every.cases if content.asked])
    outcomes = exchange([port, strict], contents, tmp_path, lambda *_: None)
    reference = exchange(
        [participants("reference@mlxrs-0.1")[0], strict], contents, tmp_path, lambda *_: None
    )
    assert len(outcomes) > 20
    for case, readers in outcomes.items():
        (mine,), (theirs,) = readers.values(), reference[case].values()
        assert mine[strict.name] == theirs[strict.name], case


@pytest.mark.parametrize(
    ("bug", "chapter", "report"),
    [
        (6, "index.get", "runtime error: member call on null pointer"),
        (7, "seq.advance", "signed integer overflow"),
        (8, "copy", "byte(s) leaked"),
    ],
)
def test_what_only_a_sanitizer_sees_is_a_crash(sanitized, bug, chapter, report):
    done = judged(f"cmd:{sanitized}-bug-{bug}", "-k", chapter)
    assert done.returncode == 1, done.stdout[-4000:]
    assert " crash" in done.stdout.splitlines()[-1]
    assert report in done.stdout


def test_the_cpp_port_answers_drawn_sequences_as_the_reference_does(cpp):
    found, tally = compare(f"cmd:{cpp}", "mlxrs-0.1", 2000)
    assert found is None, "\n".join(differences(found.drawn, found.answers.replies))
    assert tally.sequences >= 2000
    for kind in ("Parse", "CapExceeded", "OutOfRange", "ArithmeticOverflow"):
        assert tally.refusals[kind], f"no sequence was refused with {kind}"


def test_each_planted_bug_is_caught_and_named():
    needs("C++ port")
    with locked("cpp"):
        make("port-cpp-planted")
    for bug, (chapter, *words) in PLANTED.items():
        done = judged(f"cmd:{PORTS / 'cpp' / 'build' / ADAPTER}-bug-{bug}", "-k", chapter)
        assert done.returncode == 1, f"bug {bug} was not caught"
        assert " crash)" not in done.stdout.splitlines()[-1]
        for word in words:
            assert word in done.stdout, f"bug {bug}: nothing says {word}"


def test_a_missing_json_library_is_named(tmp_path):
    needs("C++ port")
    site = run([sys.executable, "-c", "import mlx.core; print(mlx.core.__file__)"]).stdout.strip()
    done = run(["cmake", "-S", str(PORTS / "cpp"), "-B", str(tmp_path),
                f"-DMLX_DIR={Path(site).parent / 'share/cmake/MLX'}",
                "-DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON"])  # fmt: skip
    assert done.returncode != 0
    assert "apt-get install nlohmann-json3-dev" in done.stderr


def test_a_missing_mlx_is_named(tmp_path):
    needs("C++ port")
    done = run(["cmake", "-S", str(PORTS / "cpp"), "-B", str(tmp_path),
                "-DCMAKE_DISABLE_FIND_PACKAGE_MLX=ON"])  # fmt: skip
    assert done.returncode != 0
    assert "pip install mlx" in done.stderr


def test_the_rust_port_passes_the_whole_suite_around_its_stand_in():
    needs("Rust port")
    with locked("rust"):
        make("port-rust")
    rust = PORTS / "rust" / "target" / "release" / ADAPTER
    passes_everything(f"cmd:{rust}", "write_in_place", "save", "load", "resave")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_adapter_is_green_on_its_first_run(language, tmp_path):
    build, backend = LANGUAGES[language]
    if language in SKELETONS:
        needs(SKELETONS[language])
    folder = tmp_path / "adapter"
    create(language, folder)
    if build:
        built = run(["bash", "-c", build], cwd=folder)
        assert built.returncode == 0, built.stdout + built.stderr
    kind, _, program = backend.partition(":")
    program = program.replace("python", sys.executable, 1) if language == "python" else program
    options = ["--backend", f"{kind}:{program}"]
    if language in DIALECT_OF:
        options += ["--dialect", DIALECT_OF[language]]

    def green(*command: str) -> list[str]:
        done = subprocess.run(
            [*BY_COMMAND, *command, *options], cwd=folder, capture_output=True, text=True,
            check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr
        return done.stdout.splitlines()

    assert any("0 to fix, 0 blocked" in line for line in green("doctor"))
    passed, _, rest = green("run", "--quiet")[-1].partition(" passed, 0 failed, ")
    assert int(passed) > 20
    assert rest, "nothing failed"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_skeleton_has_a_place_for_each_kind(language):
    files = [path for path in skeleton(language).rglob("*") if path.is_file()]
    text = "".join(path.read_text() for path in files if path.suffix != ".md")
    for kind in KINDS:
        if KINDS[kind.name].prefixed:
            place = CLASSES[kind.name] if language == "python" else f"// - {kind.name}: "
            assert place in text, kind.name


def test_a_kind_that_is_added_to_the_python_skeleton_is_declared(tmp_path):
    folder = tmp_path / "adapter"
    create("python", folder)
    with (folder / "my_cache.py").open("a") as file:
        file.write("from reference_impl.dialects.mlx_lm_0_32 import KVCache\n")
    backend = f"cmd:{sys.executable} {folder / 'adapter.py'} --class my_cache:ArraysCache"
    with connect(backend, "mlx-lm-0.32") as port:
        assert {"kv.new", "kv.update_and_fetch", "kv.trim"} <= set(port.handshake.capabilities)


def test_a_new_adapter_overwrites_nothing(tmp_path):
    done = run([*BY_COMMAND, "new-adapter", "python", str(tmp_path)])
    assert done.returncode == 2
    assert done.stderr.strip().endswith("exists already; name a folder that does not")


def test_no_skeleton_file_is_long():
    built = ("build", "target", ".build", "node_modules")
    files = [path for path in PORTS.glob("*/skeleton/**/*") if path.is_file()]
    files = [path for path in files if not set(path.relative_to(PORTS).parts) & set(built)]
    assert len(files) > 10
    python = ROOT / "conformance" / "transport" / "adapter.py"  # its protocol half
    for path in [*files, python]:
        assert len(path.read_text().splitlines()) <= 400, path


def test_the_page_about_the_protocol_is_up_to_date():
    assert (ROOT / "docs" / "protocol.md").read_text() == protocol_page.page(), "run: make schemas"


def test_the_session_on_that_page_is_what_a_process_says():
    pairs = protocol_page.transcript()
    sent = "".join(f"{line}\n" for line, _ in pairs)
    done = subprocess.run(
        [*BY_COMMAND, "serve", "--dialect", "mlxrs-0.1"],
        input=sent, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [json.loads(answer) for _, answer in pairs]
