"""What `make mutation` came to: the score, and every survivor that nobody has explained.

    python -m tools.mutation.report            the score so far and the unexplained survivors
    python -m tools.mutation.report --page     and docs/mutation.md, with what --run says of the run

The exit code is 1 if a mutant survives without an entry in survivors.yaml.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

from tools.pages.templates import render

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "mutation.md"
NOT_TRIED = "not checked"
KILLED = {"killed", "timeout", "segfault"}
LITERAL = re.compile(r"""[rbf]?("[^"]*"|'[^']*')""")


@dataclass(frozen=True)
class Mutant:
    """One change, by what it replaced: the number that mutmut gives it moves with the code."""

    key: str
    status: str
    path: Path
    function: str
    before: str
    after: str

    @property
    def module(self) -> str:
        return self.path.as_posix()

    def change(self) -> str:
        place = self.function.removeprefix("reference_impl.")
        return f"`{place}`: `{self.before}` becomes `{self.after}`"

    def __str__(self) -> str:
        return f"{self.status}: {self.key}\n  - {self.before}\n  + {self.after}"


@dataclass(frozen=True)
class Explanation:
    """Why some survivors cannot be told from the original. Texts match whole, `*` is any text."""

    function: str
    why: str
    before: str = "*"
    after: str = "*"
    text_only: bool = False  # nothing changes but one string literal

    def covers(self, mutant: Mutant) -> bool:
        return (
            fnmatchcase(mutant.function, self.function)
            and like(mutant.before, self.before)
            and like(mutant.after, self.after)
            and (not self.text_only or only_text(mutant.before, mutant.after))
        )


def like(text: str, pattern: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def only_text(before: str, after: str) -> bool:
    """Whether two lines differ in one string literal alone, or in its being there at all."""
    for literal in LITERAL.finditer(before):
        head, tail = before[: literal.start()], before[literal.end() :]
        if after.startswith(head) and after.endswith(tail):
            rest = after[len(head) : len(after) - len(tail)]
            if rest == "None" or LITERAL.fullmatch(rest):
                return True
    return False


def mutants() -> Iterator[Mutant]:
    """All mutants that have been made; the change itself only of those that were not killed."""
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        for key, code in data.exit_code_by_key.items():
            status = status_by_exit_code[code]
            name, owner = orig_function_and_class_names_from_key(key)
            module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
            function = ".".join(filter(None, (module, owner, name)))
            before = after = ""
            if status not in KILLED and code is not None:
                before, after = _change(get_diff_for_mutant(key, path=path))
            yield Mutant(key, status, path, function, before, after)


def _change(diff: str) -> tuple[str, str]:
    lines = diff.splitlines()[2:]
    return tuple(  # type: ignore[return-value]
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )


def explanations() -> list[Explanation]:
    return [Explanation(**entry) for entry in yaml.safe_load((HERE / "survivors.yaml").read_text())]


def explain(survivors: list[Mutant], known: list[Explanation]) -> dict[str, Explanation]:
    """The explanation of each survivor that has one, by the mutant's key."""
    found = {}
    for mutant in survivors:
        for entry in known:
            if entry.covers(mutant):
                found[mutant.key] = entry
                break
    return found


def score(rows: list[Mutant], explained: Collection[str]) -> str:
    """`killed of all: raw %, % without the explained`."""
    killed = sum(row.status in KILLED for row in rows)
    left = len(rows) - sum(row.key in explained for row in rows)
    return (
        f"{killed} of {len(rows)} killed: {100 * killed / len(rows):.1f} %, "
        f"and {100 * killed / max(left, 1):.1f} % of the {left} that are not explained"
    )


def page(
    rows: list[Mutant], explained: dict[str, Explanation], modules_there: set[str], run: str = ""
) -> str:
    """docs/mutation.md; `run` says how and when the changes of some modules were tried."""
    tried = [row for row in rows if row.status != NOT_TRIED]
    modules = {}
    wanted = dict.fromkeys(row.module for row in tried)
    for module in wanted:
        made, here = ([r for r in part if r.module == module] for part in (rows, tried))
        noticed = sum(row.status in KILLED for row in here)
        known = sum(row.key in explained for row in here)
        modules[module] = len(made), len(here), noticed, known, len(here) - noticed - known
    reasons: dict[str, list[str]] = {}
    for row in tried:
        if row.key in explained:
            reasons.setdefault(explained[row.key].why.strip(), []).append(row.change())
    missed = [row for row in tried if row.status not in KILLED and row.key not in explained]
    return render(
        "mutation.md.j2",
        score=score(tried, explained),
        run=run,
        untried=len([row for row in rows if row.module in wanted]) - len(tried),
        modules=modules,
        others=sorted(modules_there - set(wanted)),
        missed=[row.change() for row in missed],
        reasons=reasons,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutation.report")
    parser.add_argument("--page", action="store_true", help="rewrite docs/mutation.md")
    parser.add_argument("--run", default="", help="a sentence for the page: what was run, and when")
    parser.add_argument("function", nargs="*", help="only these, such as reference_impl.slots.*")
    options = parser.parse_args()
    wanted = options.function or ["*"]
    made = list(mutants())
    rows = [m for m in made if any(fnmatchcase(m.key, p) for p in wanted)]
    tried = [m for m in rows if m.status != NOT_TRIED]
    if not tried:
        print("no mutant has been tried; run: make mutation")
        return 2
    survivors = [m for m in tried if m.status not in KILLED]
    explained = explain(survivors, explanations())
    open_ = [m for m in survivors if m.key not in explained]
    print(*open_, sep="\n", end="\n" if open_ else "")
    print(f"{score(tried, explained)}; {len(open_)} open, {len(rows) - len(tried)} not tried")
    if options.page:
        PAGE.write_text(page(rows, explained, {m.module for m in made}, options.run))
    return 1 if open_ else 0


if __name__ == "__main__":
    sys.exit(main())
