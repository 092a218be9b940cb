"""`python -m synod_app.build [DIR] [--module MODULE]`: from the sources of an app to its component.

componentize-py puts the app's module, with its interpreter, into a component that imports what the manifest admits,
and nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib.util import find_spec
from pathlib import Path

WIT = Path(__file__).with_name("app.wit")
INTERFACES = (
    "caller",
    "claims",
    "ledger-time",
    "log",
    "map-writes",
    "maps",
    "random",
    "transaction",
)

ENTRY = """\
from synod_app import component
component.refuse_python_random()
from {module} import app
Handler = component.handler(app)
{lifecycle}
"""


class BuildError(Exception):
    """What the developer can mend."""


def world(imports: list[str], lifecycle: bool) -> str:
    """The world that has just these imports."""
    for name in imports:
        if name not in INTERFACES:
            raise BuildError(f"`imports` in app.toml: there is no interface `{name}`")
    lines = [f"    import {name};" for name in imports] + ["    export handler;"]
    if lifecycle:
        lines.append("    export lifecycle;")
    return "\nworld admitted {\n" + "\n".join(lines) + "\n}\n"


def manifest_of(folder: Path) -> tuple[str, list[str]]:
    """Where the component is to stand, and what it may import."""
    path = folder / "app.toml"
    try:
        manifest = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BuildError(f"`{path}`: {error}") from None
    if not isinstance(manifest.get("component"), str):
        raise BuildError("app.toml names no `component`")
    return manifest["component"], manifest.get("imports", [])


def build(folder: Path, module: str) -> Path:
    """Builds the app in a folder; tells where its component is."""
    component, imports = manifest_of(folder)
    if find_spec("componentize_py") is None:
        raise BuildError("No module named 'componentize_py'\nhint: pip install componentize-py==0.25.1")
    source = folder / (module.replace(".", "/") + ".py")
    if not source.exists() and not source.with_suffix("").is_dir():
        raise BuildError(f"no source file `{source}`")
    lifecycle = has_lifecycle(folder, module)
    target = folder / component
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="synod-app-") as made:
        own = Path(made)
        (own / "wit").mkdir()
        (own / "wit" / "app.wit").write_text(WIT.read_text() + world(imports, lifecycle))
        line = "Lifecycle = component.lifecycle(app)" if lifecycle else ""
        (own / "synod_component.py").write_text(ENTRY.format(module=module, lifecycle=line))
        componentize(own, folder, target)
    return target


def has_lifecycle(folder: Path, module: str) -> bool:
    """Whether the app has `init` or `migrate`: asked of the app itself, in a process of its own."""
    code = f"from {module} import app\nprint(app.has_lifecycle)"
    paths = [str(folder), str(Path(__file__).parent.parent)]
    program = f"import sys\nsys.path[:0] = {paths!r}\n{code}"
    asked = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True)
    if asked.returncode != 0:
        raise BuildError(f"`{module}` cannot be imported:\n{asked.stderr.strip()}")
    return asked.stdout.split()[-1:] == ["True"]


def componentize(made: Path, folder: Path, target: Path) -> None:
    """Runs componentize-py on what was made and on the app."""
    library = Path(__file__).parent.parent
    options = ["-d", str(made / "wit"), "-w", "admitted", "--quiet", "componentize", "synod_component"]
    for path in (made, folder, *site(folder), only(library, made)):
        options += ["-p", str(path)]
    options += ["--stub-wasi", "-o", str(target.resolve())]
    program = "import sys; from componentize_py import script; sys.exit(script())"
    command = [sys.executable, "-c", program, *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=made)
    if done.returncode != 0:
        said, _, _ = (done.stderr + done.stdout).partition("Stack backtrace:")
        raise BuildError(f"the app does not become a component:\n{said.strip()}")


def only(library: Path, made: Path) -> Path:
    """A folder with this package and nothing else of what is installed beside it."""
    alone = made / "library"
    alone.mkdir()
    unneeded = shutil.ignore_patterns("__pycache__", "build.py", "testing.py", "pretended.py", "app.wit")
    shutil.copytree(library / "synod_app", alone / "synod_app", ignore=unneeded)
    return alone


def site(folder: Path) -> list[Path]:
    """Packages in pure Python that the app brings along in `vendor`."""
    vendor = folder / "vendor"
    return [vendor] if vendor.is_dir() else []


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m synod_app.build", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".", type=Path, help="the folder with app.toml")
    parser.add_argument("--module", default="app", help="the module with `app`, an App; `app` without this")
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        target = build(arguments.folder.resolve(), arguments.module)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {target.stat().st_size} bytes, in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
