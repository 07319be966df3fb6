"""All checks in environments of their own: `nox`, or one by `nox -s lint`; `nox -l` lists them.

Sessions of a Python that is not installed are skipped. It needs `pip install nox uv`.
"""

import tempfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "types", "tests", "lowest", "docs", "wheel"]

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
NEWEST = "3.13"
# What requirements.txt holds the closure of. Not `gpu` and `benchmarks`, which bring CUDA.
EXTRAS = [
    "test",
    "client",
    "grpc",
    "paper",
    "tune",
    "browse",
    "parquet",
    "ray",
    "tensorboard",
    "notebook",
    "docs",
]
LARGEST = 2**20


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the fast tests with the newest versions that setup.cfg allows; arguments go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session(python=PYTHONS)
def lowest(session: nox.Session) -> None:
    """The same with the lowest versions that setup.cfg allows and that have a wheel for this Python."""
    chosen = ("--resolution", "lowest-direct", "--only-binary", ":all:", "--no-binary", "ncf-keras")
    session.install(*chosen, "-e", ".[test]")
    session.run("pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Find mistakes and formatting of another kind."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """Check the types of the package."""
    session.install("-e", ".[test]")
    session.run("mypy")


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """Build the site, where a page or a name that is not there is an error, and run the notebook."""
    session.install("-e", ".[test,docs,notebook]")
    session.run("mkdocs", "build", "--strict", "--site-dir", session.create_tmp())
    session.run("pytest", "-m", "slow", "tests/test_site.py", "tests/test_notebook.py")


@nox.session(python=NEWEST)
def wheel(session: nox.Session) -> None:
    """Build wheel and sdist, look into them, and train with the wheel alone in an empty directory."""
    session.install("build", "twine")
    with tempfile.TemporaryDirectory() as directory:
        session.run("python", "-W", "error", "-m", "build", "--outdir", directory, ".")
        built = sorted(Path(directory).iterdir())
        session.run("twine", "check", "--strict", *map(str, built))
        (packed,) = (path for path in built if path.suffix == ".whl")
        sizes = {path.name: path.stat().st_size for path in built}
        rooms = {name.split("/")[0] for name in zipfile.ZipFile(packed).namelist()}
        session.log(f"{sizes}, {rooms}")
        if len(built) != 2 or max(sizes.values()) >= LARGEST:
            session.error(f"There must be a wheel and an sdist of less than {LARGEST:,} bytes each: {sizes}")
        if rooms - {"ncf_keras"} != {packed.name.removesuffix("-py3-none-any.whl") + ".dist-info"}:
            session.error(f"The wheel must hold the package alone: {rooms}")
        alone = ("uv", "run", "--no-project", "--isolated", "--python", session.python, "--with", str(packed))
        with session.chdir(session.create_tmp()):
            session.run(*alone, "--with", "pip", "python", "-m", "pip", "check", external=True)
            train = ("ncf", "neumf", "--dataset", "sample", "--epochs", "3")
            session.run(*alone, *train, external=True, env={"PYTHONPATH": ""})


@nox.session(venv_backend="none")
def closure(session: nox.Session) -> None:
    """Write requirements.txt anew: the exact versions of all that is installed, on any system."""
    extras = [f"--extra={name}" for name in EXTRAS]
    chosen = ("--universal", "--python-version", "3.11", "--no-annotate", *extras)
    command = ("--custom-compile-command", "nox -s closure", "--output-file", "requirements.txt")
    session.run("uv", "pip", "compile", "--quiet", "--upgrade", *chosen, *command, "setup.cfg")
