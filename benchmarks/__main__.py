"""The list of the benchmarks, and each by its name: python -m benchmarks NAME is python -m benchmarks.NAME."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

from benchmarks.bench import Benchmark

_SHARED = ("__init__", "__main__", "bench")


def purposes() -> dict[str, str]:
    """What each benchmark measures, as the first line of its module says; nothing is imported for it."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in _SHARED:
            about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[path.stem] = about.partition("\n")[0]
    return found


def main(argv: list[str] | None = None) -> int:
    """Run one of them; 2 where there is none of that name."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or [""]
    known = purposes()
    if name in known:
        module = importlib.import_module(f"benchmarks.{name}")
        (benchmark,) = (
            each
            for each in vars(module).values()
            if isinstance(each, type) and each.__module__ == module.__name__ and issubclass(each, Benchmark)
        )
        return benchmark.main(rest)
    lines = "\n".join(f"  {name:<13}{purpose}" for name, purpose in known.items())
    print(f"usage: python -m benchmarks NAME [--help] [--write]\n\n{lines}")
    return 0 if name in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main())
