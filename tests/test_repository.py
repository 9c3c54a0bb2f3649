"""The promises that the repository makes as a whole: packages, pins, rooms, documents."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
SOURCE = REPOSITORY / "src" / "ringwall"
MODULES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted(path.parent for path in SOURCE.rglob("*/__init__.py"))
PACKAGE_DATA = sorted(
    path.relative_to(SOURCE.parent).as_posix()
    for path in SOURCE.rglob("*")
    if path.suffix in {".yaml", ".json", ".html", ".css", ".js", ".svg", ".sql"}
    or path.name == "py.typed"
)
LONGEST_MODULE = 500
MACHINE_PATHS = re.compile(rb"(?<![\w.:/$}~-])/(?:work|tmp|root|opt/pypi|opt/wheels)/[\w.]")
MADE_BY_CHORES = {".git", ".venv", ".hypothesis", "dist", "build", "__pycache__"}


def test_modules_were_found() -> None:
    assert "ringwall/py.typed" in PACKAGE_DATA
    assert len(MODULES) > 5


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def tracked_files() -> Iterator[Path]:
    """Every file that belongs to the repository, with or without git at hand."""
    if (REPOSITORY / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        ).stdout
        yield from (REPOSITORY / name for name in listed.decode().split("\0") if name)
        return
    for path in REPOSITORY.rglob("*"):
        parts = path.relative_to(REPOSITORY).parts
        if not any(part in MADE_BY_CHORES or part.endswith("_cache") for part in parts):
            yield path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the wheel and the source archive, built from the tree as it is."""
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    return target


def test_wheel_holds_the_package_and_its_data(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert set(PACKAGE_DATA) <= names
    assert {path.relative_to(SOURCE.parent).as_posix() for path in MODULES} <= names
    assert not [name for name in names if name.startswith(("tests", "benches", "sabotage"))]


def test_source_archive_holds_what_a_build_and_its_checks_need(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {f"src/{name}" for name in PACKAGE_DATA} <= names
    assert {relative(path) for path in MODULES} <= names
    assert {"LICENSE", "NOTICE", "README.md", "Makefile", "requirements.txt"} <= names
    assert {"scripts/setup.sh", "tests/test_repository.py", ".ci/run"} <= names


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_module_says_what_it_is_for_and_stays_short(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "the module has no docstring"
    assert len(text.splitlines()) < LONGEST_MODULE


@pytest.mark.parametrize("room", ROOMS, ids=relative)
def test_room_names_its_public_surface(room: Path) -> None:
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in assigned


def test_every_requirement_is_pinned_and_hashed() -> None:
    text = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    assert "://" not in text
    entries = text.replace("\\\n", " ").splitlines()
    assert len(entries) > 50
    entry = re.compile(r"[a-z0-9.-]+==[\w.]+(?: ; [^#]+?)?(?:\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [line for line in entries if not entry.fullmatch(line)] == []


def test_every_dependency_is_among_the_requirements() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    requirements = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", requirements, re.MULTILINE))
    declared = {name.lower() for name in re.findall(r'^ {4}"([\w-]+)>=', project, re.MULTILINE)}
    assert len(declared) > 20
    assert declared <= pinned


def make_targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_documents_name_only_make_targets_that_exist() -> None:
    documents = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
    named = {
        (relative(path), target)
        for path in documents
        for target in re.findall(r"`make ([a-z]+)", path.read_text(encoding="utf-8"))
    }
    assert {target for _, target in named} >= {"demo", "test", "bench", "sabotage"}
    assert [each for each in sorted(named) if each[1] not in make_targets()] == []


def prose(path: Path) -> str:
    """A document without its code, in which brackets are no links."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_document_links_lead_somewhere() -> None:
    documents = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]
    broken = [
        (relative(path), link)
        for path in documents
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose(path))
        if not (path.parent / link).exists()
    ]
    assert broken == []


def test_no_file_names_a_path_of_one_machine() -> None:
    guilty = [
        relative(path)
        for path in tracked_files()
        if path.is_file() and MACHINE_PATHS.search(path.read_bytes())
    ]
    assert guilty == []


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert script.splitlines()[-1] == "make test"
    assert "make test" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
