"""The layout of DESIGN.md as rules on the source: imports point one way, each thing has one place, nothing is long."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = {
    ".".join([*prefix, *path.relative_to(ROOT / folder).with_suffix("").parts]).removesuffix(".__init__"): path
    for prefix, folder in ((["negbuild"], "negbuild"), (["negbuild", "sources"], "sources"))
    for path in sorted((ROOT / folder).rglob("*.py"))
}
ADAPTERS = [name for name in FILES if name.startswith("negbuild.sources.")]
STAGES = [name for name in FILES if name.startswith("negbuild.stages.")]

# From what decides to what is decided about; a module imports its own layer and the ones below it.
WORDS = {"negbuild", "negbuild.errors", "negbuild.model", "negbuild.names", "negbuild.ruling", "negbuild.schema"}
FACE = {"negbuild.show", "negbuild.show_copies", "negbuild.demo", "negbuild.options", "negbuild.terminal"}
COMMANDS = [name for name in FILES if name.startswith("negbuild.commands")]
# What speaks to a person; options hold what the commands share.
COMMAND_LINE = ["negbuild.cli", *COMMANDS[1:], "negbuild.options", "negbuild.terminal"]
# Bytes in, records out: nothing in these needs a workspace (DESIGN.md, "The way of the data").
PURE = [
    f"negbuild.{name}"
    for name in (
        "advice",
        "agreement",
        "alignment",
        "attribution",
        "augmentation",
        "borders",
        "cards",
        "checking",
        "compiled",
        "contact_sheet",
        "crossing",
        "encoding",
        "edges",
        "evidence",
        "family",
        "fingerprint",
        "foreign",
        "ground",
        "hashes",
        "layouts",
        "loaders",
        "intervals",
        "keepers",
        "lines",
        "looks",
        "metrics",
        "overlap",
        "registration",
        "sketches",
        "stretches",
        "split_folders",
        "tally",
        "names",
        "neighbours",
        "openset",
        "pairing",
        "paste",
        "picture",
        "pipeline",
        "pixels",
        "plan",
        "presets",
        "promises",
        "proof",
        "provenance",
        "records",
        "shortcuts",
        "shares",
        "sizing",
        "suspicion",
        "thresholds",
        "titles",
        "twins",
        "unseen",
        "weights",
    )
]
STATE = {
    f"negbuild.{name}" for name in ("catalog", "intake", "planner", "protection", "source", "store", "web", "workspace")
}


@dataclass(frozen=True)
class Import:
    """A module that is named by an import: on loading (`at_top`), inside a function, or for the type checker only."""

    name: str
    at_top: bool
    for_types: bool


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> list[Import]:
    return list(_imports(tree(module), module, at_top=True, for_types=False))


def _imports(node: ast.AST, module: str, *, at_top: bool, for_types: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, at_top, for_types) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{module}: a relative import"
        assert node.module is not None
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield Import(inner if inner in FILES else node.module, at_top, for_types)
    for_types = for_types or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    at_top = at_top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, module, at_top=at_top, for_types=for_types)


def own(module: str) -> set[str]:
    """Modules of negbuild that a module imports, wherever it does; the public names are only declared for types."""
    return {
        one.name
        for one in imports(module)
        if one.name.partition(".")[0] in {"negbuild", "sources"} and not (module == "negbuild" and one.for_types)
    }


def layer(module: str) -> int:
    if module in WORDS:
        return 0
    if module.startswith("negbuild.stages"):
        return 2
    if module in COMMANDS:
        return 4
    return {"negbuild.cli": 5, "negbuild.__main__": 6}.get(
        module, 3 if module in FACE or module.startswith("negbuild.show") else 1
    )


def test_the_rules_look_at_the_whole_of_negbuild() -> None:
    assert {"negbuild", "negbuild.cli", "negbuild.stages", "negbuild.sources"} < set(FILES)
    assert {"crawl", "split", "verify"} < {name.rpartition(".")[2] for name in STAGES}
    assert {"folder", "openverse"} < {name.rpartition(".")[2] for name in ADAPTERS}
    assert "negbuild.stages.verify" in own("negbuild.commands.verify")  # an import inside a function is seen
    assert set(PURE) | STATE <= set(FILES)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_one_way(module: str) -> None:
    assert {name for name in own(module) if name in FILES and layer(name) > layer(module)} == set()


@pytest.mark.parametrize("module", STAGES)
def test_no_stage_imports_a_stage(module: str) -> None:
    assert own(module).isdisjoint({*STAGES, "negbuild.stages"})


def test_the_public_names_load_nothing_before_they_are_used() -> None:
    assert own("negbuild") == set()


def test_only_main_imports_the_command_line() -> None:
    assert [module for module in FILES if "negbuild.cli" in own(module)] == ["negbuild.__main__"]


@pytest.mark.parametrize("module", ADAPTERS)
def test_an_adapter_knows_three_modules_and_no_sibling(module: str) -> None:
    assert own(module) <= {"negbuild.model", "negbuild.source", "negbuild.errors"}


def test_nobody_imports_an_adapter_by_name() -> None:
    for module in FILES:
        assert not [name for name in own(module) if name.startswith(("negbuild.sources", "sources"))], module


@pytest.mark.parametrize("module", PURE)
def test_what_is_pure_knows_neither_catalog_nor_store_nor_web(module: str) -> None:
    assert own(module).isdisjoint(STATE)


def test_no_two_modules_wait_for_each_other() -> None:
    on_loading = {
        module: {one.name for one in imports(module) if one.at_top and not one.for_types and one.name in FILES}
        for module in FILES
    }
    order = list(TopologicalSorter(on_loading).static_order())  # raises CycleError, with the cycle
    assert order.index("negbuild.model") < order.index("negbuild.catalog") < order.index("negbuild.stages.crawl")


def users(library: str) -> set[str]:
    return {module for module in FILES if library in {one.name.partition(".")[0] for one in imports(module)}}


def test_sql_is_spoken_in_one_place() -> None:
    assert users("sqlite3") == {"negbuild.database"}


def test_the_terminal_is_the_business_of_the_command_line() -> None:
    assert users("click") == set(COMMAND_LINE)
    assert users("rich") <= set(COMMAND_LINE)


@pytest.mark.parametrize("module", [module for module in FILES if module != "negbuild.terminal"])
def test_nothing_else_prints(module: str) -> None:
    said = {ast.unparse(node) for node in ast.walk(tree(module)) if isinstance(node, ast.Name | ast.Attribute)}
    assert said.isdisjoint({"print", "sys.stdout", "sys.stderr"})


@pytest.mark.parametrize("module", FILES)
def test_no_module_is_longer_than_300_lines(module: str) -> None:
    assert len(FILES[module].read_text(encoding="utf-8").splitlines()) <= 300


# STYLE.md, point 11, excepts the commands, which are mostly their options.
@pytest.mark.parametrize("module", [module for module in FILES if module not in COMMANDS])
def test_no_function_is_longer_than_40_lines(module: str) -> None:
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 40] == []
