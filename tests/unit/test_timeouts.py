"""No limit of time is left open while a generator waits for its reader.

A timeout cancels the task that entered it. Inside a generator that is whoever reads it, wherever
that task is by then, or one that began to read and left it to another.
"""

import ast
from collections.abc import Iterator

from vdx.core.paths import PACKAGE, locate

SCOPES = {"timeout", "timeout_at", "TaskGroup", "fail_after", "move_on_after"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
MANAGERS = {"contextmanager", "asynccontextmanager"}


def inside(node: ast.AST) -> Iterator[ast.AST]:
    """What runs as a part of `node`: not the functions that are defined in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, FUNCTIONS):
            yield child
            yield from inside(child)


def opens_scope(node: ast.AST) -> bool:
    return isinstance(node, ast.AsyncWith | ast.With) and any(
        isinstance(item.context_expr, ast.Call)
        and ast.unparse(item.context_expr.func).rpartition(".")[2] in SCOPES
        for item in node.items
    )


def yields(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Yield | ast.YieldFrom) for each in inside(node))


def faults(source: str) -> list[int]:
    """Lines where a scope is opened around a `yield`; a context manager may do that."""
    return [
        node.lineno
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.AsyncFunctionDef | ast.FunctionDef)
        and not {ast.unparse(each).rpartition(".")[2] for each in function.decorator_list}
        & MANAGERS
        for node in inside(function)
        if isinstance(node, ast.AsyncWith | ast.With) and opens_scope(node) and yields(node)
    ]


def test_what_is_looked_for_is_found() -> None:
    held = "async def f():\n async with asyncio.timeout(1):\n  yield 1\n"
    assert faults(held) == [2]
    assert faults(f"@asynccontextmanager\n{held}") == []
    assert faults("async def f():\n async with asyncio.timeout(1):\n  await g()\n yield 1\n") == []


def test_no_generator_holds_one() -> None:
    folders = (PACKAGE, locate().data / "triton_backends", locate().data / "benchmarks")
    found = [
        f"{path}:{line}"
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        for line in faults(path.read_text(encoding="utf-8"))
    ]
    assert found == []
