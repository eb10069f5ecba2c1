"""A contract for import-linter: no module imports itself by way of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class Acyclic(Contract):
    """Every import counts, those inside functions and those for type checkers alone too."""

    packages: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Kept if there is no cycle among the modules of the packages."""
        found = list(cycles(graph, tuple(self.packages)))
        return ContractCheck(kept=not found, metadata={"cycles": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """A line a group of modules that cannot be ordered."""
        for cycle in check.metadata["cycles"]:
            output.print_error(f"import each other: {', '.join(cycle)}", bold=False)


def cycles(graph: ImportGraph, packages: tuple[str, ...]) -> Iterator[list[str]]:
    """The groups of modules that reach one another by imports."""
    modules = [name for name in graph.modules if name.split(".")[0] in packages]
    imports = {name: graph.find_modules_directly_imported_by(name) & set(modules)
               for name in modules}  # fmt: skip
    left = set(modules)
    while True:  # what imports nothing that is left, and what nothing left imports, is in no cycle
        imported = {each for name in left for each in imports[name] & left if each != name}
        outer = {name for name in left if not (imports[name] - {name}) & left}
        outer |= left - imported
        if not outer:
            break
        left -= outer
    while left:
        start = min(left)
        forth = _reached(start, imports, left)
        group = {name for name in forth if start in _reached(name, imports, left)} | {start}
        if len(group) > 1:
            yield sorted(group)
        left -= group


def _reached(start: str, imports: dict[str, set[str]], within: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in (imports[waiting.pop()] & within) - found:
            found.add(name)
            waiting.append(name)
    return found
