"""The rules of the house, read off the code: who may import whom, and what stays out of the pure folders."""

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "modelpick"
FILES = sorted(path for path in SOURCE.rglob("*.py") if "_data" not in path.parts)
FOLDERS = sorted(path.name for path in SOURCE.iterdir() if path.is_dir() and not path.name.startswith("_"))
ASSEMBLERS = {"cli"}  # and pick.py: the two places that put implementations together
BASEMENT = {"units", "errors", "formats"}  # every folder may stand on these
PURE = {"estimation", "selection"}
IMPURE_MODULES = {
    "os", "io", "time", "socket", "subprocess", "urllib", "http", "random", "tempfile", "shutil", "pathlib", "sqlite3",
    "datetime", "secrets", "glob", "threading", "multiprocessing", "logging",
}  # fmt: skip
# What each folder may import from third parties, and whether only inside functions.
THIRD_PARTY = {
    "hardware": {"psutil", "pynvml", "archspec", "platformdirs"},
    "registry": {"sqlmodel", "sqlalchemy", "pydantic", "platformdirs"},
    "acquisition": {"huggingface_hub", "filelock", "platformdirs"},
    "quantisation": {"numpy", "gguf", "ctranslate2", "transformers", "huggingface_hub", "mlx", "mlx_lm"},
    "licensing": {"yaml", "platformdirs"},
    "output": {"rich"},
    "cli": {"click", "platformdirs", "yaml", "numpy", "huggingface_hub"},
}
AT_TOP = {"cli": {"click"}, "output": {"rich"}}  # rich: only in the table module, held below
RICH_FILES = {"output/table.py"}
# The writing side of the registry; tests/registry holds that the reading side loads none of it.
SQLMODEL_FILES = {
    f"registry/{name}.py"
    for name in ("schema", "schema_catalogue", "constraints", "text", "sources", "store", "build", "user")
}


def folder_of(path: Path) -> str | None:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else None


def imports_of(path: Path, *, top_only: bool = False) -> set[str]:
    """Dotted names of all modules a file imports; ``from a.b import c`` counts as ``a.b`` and ``a.b.c``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _top_statements(tree.body) if top_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _top_statements(body: list[ast.stmt]) -> list[ast.AST]:
    """What runs at import: the top level and its if/try blocks, less what stands under TYPE_CHECKING."""
    found: list[ast.AST] = []
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        found.append(node)
        for inner in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
                found.extend(_top_statements(getattr(node, inner, [])))
    return found


def ids(paths: list[Path]) -> list[str]:
    return [path.relative_to(SOURCE).as_posix() for path in paths]


def modelpick_folder(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "modelpick" and len(parts) > 1 and parts[1] in FOLDERS else None


@pytest.mark.parametrize("folder", [name for name in FOLDERS if name not in {"cli", "formats"}])
def test_each_folder_says_what_it_promises(folder: str) -> None:
    assert (SOURCE / folder / "interface.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_a_folder_imports_only_interfaces_of_others(path: Path) -> None:
    own = folder_of(path)
    if own in ASSEMBLERS or path.name in {"pick.py", "__main__.py"}:
        return
    for name in imports_of(path):
        other = modelpick_folder(name)
        if other is None or other == own or other in BASEMENT:
            continue
        assert name.split(".")[2:3] == ["interface"], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_pure_parts_use_the_standard_library_alone_and_touch_nothing(path: Path) -> None:
    if folder_of(path) not in PURE and path.name != "interface.py":
        return
    for name in imports_of(path):
        root = name.split(".")[0]
        assert root in sys.stdlib_module_names or root == "modelpick", f"imports {name}"
        if folder_of(path) in PURE:
            assert root not in IMPURE_MODULES, f"imports {name}"


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_third_party_code_stands_where_the_house_says(path: Path) -> None:
    folder = folder_of(path) or ""
    place = path.relative_to(SOURCE).as_posix()
    allowed = THIRD_PARTY.get(folder, set())
    top_allowed = set(AT_TOP.get(folder, set()))
    if place not in RICH_FILES:
        top_allowed.discard("rich")
    if place in SQLMODEL_FILES:
        top_allowed |= {"sqlmodel", "sqlalchemy", "pydantic"}
    for name in imports_of(path):
        root = name.split(".")[0]
        if root in sys.stdlib_module_names or root == "modelpick":
            continue
        assert root in allowed, f"{place} imports {name}"
    for name in imports_of(path, top_only=True):
        root = name.split(".")[0]
        if root in sys.stdlib_module_names or root == "modelpick":
            continue
        assert root in top_allowed, f"{place} imports {name} when it is itself imported"


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_nothing_below_the_command_line_prints_prompts_or_exits(path: Path) -> None:
    # engine_child is a program of its own, started beside this one: its stdout is what it answers with.
    if folder_of(path) in ASSEMBLERS or path.name in {"__main__.py", "engine_child.py"}:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "input", "exit", "quit"}, f"line {node.lineno}: {node.func.id}()"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in {("sys", "exit"), ("sys", "stdout"), ("sys", "stderr")}, (
                f"line {node.lineno}: {node.value.id}.{node.attr}"
            )


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_interfaces_are_frozen_and_slotted(path: Path) -> None:
    if path.name != "interface.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        bases = {ast.unparse(base) for base in node.bases}
        if bases & {"Protocol", "Exception", "StrEnum"} or any(base.endswith("Error") for base in bases):
            continue
        decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
        assert any("frozen=True" in text and "slots=True" in text for text in decorators), node.name


def test_formatters_draw_no_conclusions_from_other_folders() -> None:
    for path in (SOURCE / "output").glob("*.py"):
        for name in imports_of(path):
            assert modelpick_folder(name) in {None, "output"}, f"{path.name} imports {name}"
