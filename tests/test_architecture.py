"""The house itself: what importing costs, who imports whom, what is installed and shipped."""

import ast
import graphlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rtanalytics
from rtanalytics import extras
from rtanalytics.extras import EXTRAS
from rtanalytics.sources import open_source, spec_from_table

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "rtanalytics"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command, **options):
    """The finished process, with its output; a failure shows what it said."""
    options = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 240, **options}
    return subprocess.run([str(word) for word in command], check=False, **options)


# --- importing ---------------------------------------------------------------------------------

WATCHED_IMPORT = """
import os, sys, threading

touched = []

def watch(event, args):
    if event == "open" and not str(args[0]).endswith((".py", ".pyc")):
        touched.append((event, str(args[0])))
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork")):
        touched.append((event, str(args)))

def read(self, key, original=type(os.environ).__getitem__):
    touched.append(("environment", key))
    return original(self, key)

sys.addaudithook(watch)
type(os.environ).__getitem__ = read
import rtanalytics
touched += [("thread", thread.name) for thread in threading.enumerate()[1:]]
for line in touched:
    print(*line)
"""


def test_importing_the_library_touches_nothing():
    """No file but Python's own, no network, no environment variable, no process, no thread."""
    done = run(sys.executable, "-c", WATCHED_IMPORT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_watch_on_imports_sees_what_it_must():
    """Each kind of thing that an import may not do is noticed, so that noticing nothing means something."""
    deeds = "import socket, subprocess; open(os.devnull); os.environ.get('HOME'); socket.socket()"
    done = run(sys.executable, "-c", WATCHED_IMPORT.replace("import rtanalytics", deeds))
    assert {line.split()[0] for line in done.stdout.splitlines()} >= {"open", "environment", "socket.__new__"}


def test_the_base_is_light():
    """Neither the library nor its base modules load anything that takes long to load."""
    heavy = (
        "IPython anywidget ipywidgets jinja2 matplotlib numba numpy pandas pyarrow redis rich sklearn typer"
    )
    base = ["clock", "conference", "event", "feed", "erasure", "resources", "schedule"]
    modules = ", ".join(["rtanalytics", *(f"rtanalytics.{name}" for name in base)])
    code = f"import sys, {modules}; print(*sorted(set({heavy.split()!r}) & set(sys.modules)))"
    done = run(sys.executable, "-c", code)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_public_names_are_one_list():
    """What type checkers see, what ``import *`` gives and what is found on demand are the same names."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    seen = {
        (node.module.removeprefix("rtanalytics."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("rtanalytics.")
        for alias in node.names
    }
    found = {(home, name) for home, names in rtanalytics._HOMES.items() for name in names}
    assert seen == found
    assert sorted(rtanalytics.__all__) == sorted(name for _, name in found)
    assert set(rtanalytics.__all__) <= set(dir(rtanalytics))


@pytest.mark.parametrize("name", rtanalytics.__all__)
def test_a_public_name_is_what_its_module_says(name):
    """Each name resolves, is public in its home, and is not hidden by a module of the same name."""
    home = next(home for home, names in rtanalytics._HOMES.items() if name in names)
    module = importlib.import_module(f"rtanalytics.{home}")
    assert getattr(rtanalytics, name) is getattr(module, name)
    assert name in module.__all__
    assert not (PACKAGE / f"{name}.py").exists()
    assert not (PACKAGE / name).exists()


def test_a_name_that_is_none_is_an_attribute_error():
    """A misspelt name fails as it does on any module, and names itself."""
    with pytest.raises(AttributeError, match="no attribute 'Evnet'"):
        _ = rtanalytics.Evnet


# --- who imports whom --------------------------------------------------------------------------

CONTRACTS = [contract["name"] for contract in PROJECT["tool"]["importlinter"]["contracts"]]

# contract → (who, imports what): the import that it is there to refuse
PLANTS = [
    (
        "Everything stands on the base, and only the command line stands on everything",
        "event",
        "rtanalytics.archive",
    ),
    (
        "Everything stands on the base, and only the command line stands on everything",
        "feed",
        "rtanalytics.trending",
    ),
    (
        "Everything stands on the base, and only the command line stands on everything",
        "ingest",
        "rtanalytics.cli",
    ),
    ("Input and output, top to bottom", "streams", "rtanalytics.archive"),
    ("Input and output, top to bottom", "archive", "rtanalytics.replay"),
    (
        "Sources and importers know neither each other nor where events go",
        "sources.feeds",
        "rtanalytics.importers",
    ),
    ("Sources and importers know neither each other nor where events go", "importers", "rtanalytics.streams"),
    (
        "Sources and importers know neither each other nor where events go",
        "importers",
        "rtanalytics.sources.http",
    ),
    ("Streams, archive and replay do not know where events come from", "replay", "rtanalytics.sources"),
    ("Analysis, top to bottom", "terms", "rtanalytics.counts"),
    ("Analysis, top to bottom", "trending", "rtanalytics.topics"),
    ("Analysis, top to bottom", "report", "rtanalytics.live"),
    ("Analysis does not import input and output", "live", "rtanalytics.streams"),
    ("Analysis does not import input and output", "counts", "rtanalytics.archive"),
    ("Input and output do not import analysis", "ingest", "rtanalytics.trending"),
    ("Sources do not import one another", "sources.irc", "rtanalytics.sources.feeds"),
    ("Redis only under streams", "archive", "redis"),
    ("Jupyter only under widgets", "live", "IPython"),
    ("Arrow and numba only where tables are read, written and counted", "replay", "pyarrow"),
    ("Arrow and numba only where tables are read, written and counted", "topics", "numba"),
    ("Network and feed libraries only in sources", "importers", "feedparser"),
    ("The terminal belongs to the command line", "replay", "rich"),
]


@pytest.fixture
def copy(tmp_path):
    """The package in a folder of its own, where a violation can be planted."""
    shutil.copytree(PACKAGE, tmp_path / "rtanalytics", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def check_imports(folder):
    """What lint-imports says of the package in ``folder``, on lines that are not broken."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "400"}
    return run(program, "--no-cache", "--config", ROOT / "pyproject.toml", cwd=folder, env=environment)


def plant(folder, importer, imported):
    """Let module ``importer`` import ``imported``; modules that are not there yet are made."""
    importing = made(folder, f"rtanalytics.{importer}")
    if imported.startswith("rtanalytics."):
        made(folder, imported)
    with importing.open("a", encoding="utf-8") as file:
        file.write(f"\nimport {imported}\n")
    return f"rtanalytics.{importer} -> {imported}"


def made(folder, name):
    """The file of a module, which is empty if it is new."""
    *packages, module = name.split(".")
    place = folder
    for package in packages:
        place /= package
        place.mkdir(exist_ok=True)
        (place / "__init__.py").touch()
    file = place / module / "__init__.py" if (place / module).is_dir() else place / f"{module}.py"
    file.touch()
    return file


def test_everybody_imports_only_what_they_may(copy):
    """The package as it is keeps every contract."""
    done = check_imports(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


def test_each_contract_is_tried():
    """A contract that nobody has seen broken may be one that cannot break."""
    assert {contract for contract, _, _ in PLANTS} == set(CONTRACTS)


@pytest.mark.parametrize(("contract", "importer", "imported"), PLANTS)
def test_a_planted_violation_is_caught(copy, contract, importer, imported):
    """The contract breaks, and the message names who imports whom."""
    edge = plant(copy, importer, imported)
    done = check_imports(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
    assert edge in done.stdout


def test_what_is_meant_to_be_used_can_be(copy):
    """The contracts leave open what they are meant to: the shared client, the libraries in their places."""
    plant(copy, "sources.feeds", "rtanalytics.sources.http")
    plant(copy, "sources.feeds", "feedparser")
    plant(copy, "widgets.feed_view", "anywidget")
    plant(copy, "report", "rtanalytics.plot")
    plant(copy, "streams.redis", "redis")
    plant(copy, "archive", "pyarrow")
    done = check_imports(copy)
    assert done.returncode == 0, done.stdout


def test_a_module_without_a_layer_is_refused(copy):
    """A new module is given its place among the layers before it lands."""
    (copy / "rtanalytics" / "somewhere.py").touch()
    done = check_imports(copy)
    assert done.returncode == 1
    assert "rtanalytics.somewhere" in done.stdout


# --- what is installed and shipped -------------------------------------------------------------


def requirements(lines):
    """Requirements by canonical name."""
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def declared(*extras):
    """What pyproject.toml asks for: the runtime and these extras."""
    optional = PROJECT["project"]["optional-dependencies"]
    lines = PROJECT["project"]["dependencies"] + [line for e in extras for line in optional[e]]
    return requirements(line for line in lines if not line.startswith("rtanalytics["))


def test_each_extra_names_the_modules_it_installs():
    """A missing module of an extra is answered with the extra that installs it."""
    modules = {"scikit_learn": "sklearn"}
    for name, listed in EXTRAS.items():
        lines = PROJECT["project"]["optional-dependencies"][name]
        wanted = {r.replace("-", "_") for r in requirements(line for line in lines if "[" not in line)}
        wanted = {modules.get(module, module) for module in wanted}
        assert wanted <= set(listed), name


@pytest.mark.parametrize(
    ("missing", "code", "extra"),
    [
        ("anywidget", "import rtanalytics.widgets", "views"),
        ("matplotlib", "from rtanalytics.plot import volume; volume([])", "views"),
        ("sklearn", "import rtanalytics.counts.transformer", "compare"),
    ],
)
def test_a_missing_library_is_answered_with_its_install_line(missing, code, extra):
    """The last line of the traceback has the command that installs it."""
    block = f"import sys; sys.modules[{missing!r}] = None\n{code}"
    done = run(sys.executable, "-c", block)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"pip install 'rtanalytics[{extra}]'")


def test_a_source_asks_for_its_extra_before_it_starts(monkeypatch):
    """A missing client library is named when the source is opened, not at its first request."""
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "aiohttp" else name)
    spec = spec_from_table({"type": "feed", "name": "blog", "url": "https://blog.example/feed"})
    with pytest.raises(extras.MissingExtraError, match=r"pip install 'rtanalytics\[sources\]'"):
        open_source(spec)


def test_the_version_is_one():
    """The package and its metadata state the same version."""
    assert rtanalytics.__version__ == PROJECT["project"]["version"]


def test_the_conda_environment_is_the_one_of_pyproject():
    """environment.yml names the same packages with the same lower bounds: runtime, all extras and test."""
    conda_names = {"matplotlib": "matplotlib-base", "redis": "redis-py"}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (from_pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert from_pip.pop() == "--editable ."
    lines = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    found = {**requirements(lines), **requirements(from_pip)}

    assert str(found.pop("python").specifier) == PROJECT["project"]["requires-python"]
    assert not found.pop("pip").specifier
    wanted = {
        conda_names.get(name, name): r
        for name, r in declared("compare", "sources", "dumps", "views", "lab", "test").items()
    }
    assert wanted["redis-py"].extras == {"hiredis"}
    assert not found.pop("hiredis").specifier
    assert {name: str(r.specifier) for name, r in found.items()} == {
        name: str(r.specifier) for name, r in wanted.items()
    }


def test_the_constraints_are_versions_and_nothing_else():
    """Each line pins one package, perhaps on some platforms: no address, no hash, no option."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    odd = [
        line
        for line in lines
        if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; [A-Za-z_ '<>=.!0-9()-]+)?", line)
    ]
    assert (len(lines) > 50, odd) == (True, [])


def test_the_constraints_hold_what_pyproject_asks_for():
    """Every dependency, those of all extras too, has a tested version that satisfies its lower bound."""
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()]
    versions = {}
    for pin in pins:
        versions.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    for name, requirement in declared(*PROJECT["project"]["optional-dependencies"]).items():
        assert versions.get(name), f"{name} is not in constraints.txt"
        assert all(requirement.specifier.contains(v, prereleases=True) for v in versions[name]), name


def tracked_files():
    """The project's files: what git tracks, or, without git, all that is no tool's leftover."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        names = run("git", "ls-files", "-z").stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    left = {".git", ".hypothesis", ".venv", "__pycache__", "build", "dist", "out", "rtanalytics-demo"} | {
        f".{tool}_cache" for tool in ("import_linter", "mypy", "pytest", "ruff")
    }
    return [p for p in ROOT.rglob("*") if p.is_file() and not left & set(p.relative_to(ROOT).parts)]


def test_no_file_knows_the_machine_that_it_was_written_on():
    """No path of somebody's machine, no address of a package registry, no lock file that records one."""
    paths = rb"(?<![\w.:/-])/(?:work|root|tmp|home/\w+|Users/\w+)/"
    registries = (
        rb"pypi\.org/simple|pythonhosted\.org|registry\.npmjs|\bindex[-]url\b|find[-]links|trusted[-]host"
    )
    files = tracked_files()
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if re.search(paths + b"|" + registries, line)
    ]
    assert ROOT / "pyproject.toml" in files
    assert found == []
    assert not [path for path in files if path.name.endswith((".lock", "package-lock.json"))]


def test_the_commit_hooks_run_what_make_install_brings():
    """Every hook's program is in the environment, so that nothing is fetched when one commits."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    entries = [hook["entry"] for repository in hooks for hook in repository["hooks"]]
    assert {repository["repo"] for repository in hooks} == {"local"}
    for entry in entries:
        program = Path(entry.split()[0])
        assert program.parent == Path(".venv/bin")
        assert Path(sys.executable).with_name(program.name).exists(), entry


SMOKE = """
import importlib, pkgutil, sys
import rtanalytics
from rtanalytics.resources import notebooks_folder, recordings_folder

modules = pkgutil.walk_packages(rtanalytics.__path__, "rtanalytics.")
names = [module.name for module in modules if not module.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(rtanalytics.__file__, recordings_folder(), notebooks_folder(), *names, sep="\\n")
"""


@pytest.mark.slow
def test_an_installed_wheel_is_whole(tmp_path):
    """The core alone lists trends and names missing extras; with them everything imports."""
    built = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")

    assert run(sys.executable, "-m", "venv", tmp_path / "venv").returncode == 0
    bin_folder = tmp_path / "venv" / "bin"
    uv = Path(sys.executable).with_name("uv")
    pip = (
        [uv, "pip", "install", "-p", bin_folder / "python"]
        if uv.exists()
        else [bin_folder / "pip", "install"]
    )
    installed = run(*pip, "-c", ROOT / "constraints.txt", wheel)
    assert installed.returncode == 0, installed.stderr

    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    shipped = next((tmp_path / "venv").rglob("_shipped/recordings/juniperconf-2026"))
    program = bin_folder / "rtanalytics"
    trending = run(program, "trending", shipped, "--at", "2026-06-10T08:35Z", cwd=tmp_path, env=environment)
    assert (trending.returncode, "Faloko" in trending.stdout) == (0, True), trending.stderr
    compare = run(program, "compare", shipped, cwd=tmp_path, env=environment)
    assert compare.returncode == 1
    assert "pip install 'rtanalytics[compare]'" in compare.stderr

    extras = f"{wheel}[compare,sources,views]"
    installed = run(*pip, "-c", ROOT / "constraints.txt", extras)
    assert installed.returncode == 0, installed.stderr
    smoke = run(bin_folder / "python", "-c", SMOKE, cwd=tmp_path, env=environment)
    assert smoke.returncode == 0, smoke.stderr
    package, recordings, notebooks, *modules = smoke.stdout.splitlines()
    inside = Path(package).parent
    assert inside.is_relative_to(tmp_path)
    assert Path(recordings) == inside / "_shipped" / "recordings"
    assert Path(notebooks) == inside / "_shipped" / "notebooks"
    assert "rtanalytics.event" in modules
    assert (inside / "py.typed").exists()
    here = {
        p.relative_to(PACKAGE) for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    there = {p.relative_to(inside) for p in inside.rglob("*") if p.is_file()}
    assert here <= there
    fixtures = ROOT / "data" / "fixtures" / "recordings"
    shipped = {p.relative_to(fixtures) for p in fixtures.rglob("*") if p.is_file()}
    assert {p.relative_to(recordings) for p in Path(recordings).rglob("*") if p.is_file()} == shipped

    usage = run(bin_folder / "rtanalytics", "--help", cwd=tmp_path, env=environment)
    assert usage.returncode == 0, usage.stderr
    assert "replay" in usage.stdout


def imports(path):
    """The modules of the library that a file imports, at the top, in functions or for types only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}


def import_circles(edges):
    """One circle of files that import each other, if there is any."""
    sorter = graphlib.TopologicalSorter({name: set(targets) for name, targets in edges.items()})
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_no_files_import_each_other_in_a_circle():
    """Whatever is imported can be read without what imports it; imports in functions count too."""
    edges = {
        name: {target for target in imports(path) if target in MODULES} - {name}
        for name, path in MODULES.items()
    }
    assert import_circles(edges) == []


def test_a_circle_of_imports_is_found():
    """Also one through three files."""
    assert import_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})
    assert not import_circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})
