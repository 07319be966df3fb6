"""What setup.cfg, the wheel's promises and the files beside them say is true."""

import configparser
import re
import subprocess
import sys

import pytest

import ncf_keras
from tests.shared_files import PROJECT
from tests.test_architecture import PACKAGE, SOURCES, imported_at_once, imports, module_of, syntax

# Packages of the registry whose modules have another name.
MODULES = {"google": "protobuf", "grpc": "grpcio", "tensorflow-serving": "tensorflow-serving-api"}
# Modules that Windows lacks, and attributes of others.
POSIX_MODULES = ("fcntl", "grp", "posix", "pwd", "resource", "syslog", "termios", "tty")
POSIX_NAMES = {
    "os": ("fork", "geteuid", "getuid", "killpg", "mkfifo", "O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY",
           "O_NOFOLLOW", "O_NONBLOCK", "sched_getaffinity", "setsid", "sysconf", "uname", "WNOHANG"),
    "select": ("poll", "PIPE_BUF"),
    "signal": ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "alarm", "pthread_sigmask"),
    "socket": ("AF_UNIX",),
    "time": ("tzset",),
}  # fmt: skip


@pytest.fixture(scope="module")
def settings():
    parser = configparser.ConfigParser()
    parser.read(PROJECT / "setup.cfg", encoding="utf-8")
    return parser


def requirements(text):
    """Return the requirements in a value of setup.cfg by their normalised names."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return {re.match(r"[\w-]+", line)[0].lower().replace("_", "-"): line for line in lines}


def third_parties():
    """Return the packages that ours imports, at any depth, besides itself and Python's own."""
    found = {name.split(".")[0] for path in SOURCES for name in imports(syntax(path), True)}
    own = {"ncf_keras", "__future__", *sys.stdlib_module_names}
    names = {name.replace("_", "-") for name in found - own}
    return {MODULES.get(name, name) for name in names}


def test_what_is_imported_is_required_and_what_is_required_is_imported(settings):
    always = requirements(settings["options"]["install_requires"])
    extras = {name: requirements(text) for name, text in settings["options.extras_require"].items()}
    offered = {name for extra, names in extras.items() if extra != "test" for name in names}
    assert third_parties() <= set(always) | offered
    assert set(always) <= third_parties()


def test_what_the_package_and_its_commands_import_at_once_is_always_installed(settings):
    """What an extra brings is imported inside functions."""
    always = set(requirements(settings["options"]["install_requires"]))
    modules = ["ncf_keras", *(module_of(path) for path in (PACKAGE / "cli").glob("*.py"))]
    at_once = {name for module in modules for name in imported_at_once(module, set())}
    assert at_once - set(sys.stdlib_module_names) - {"ncf_keras", "__future__"} <= always


def test_every_requirement_has_a_lowest_version_and_one_range(settings):
    ranges = {}
    values = [settings["options"]["install_requires"], *settings["options.extras_require"].values()]
    for text in values:
        for name, line in requirements(text).items():
            assert ">=" in line, line
            wanted = line.split("[")[0] + line.partition("]")[2] if "[" in line else line
            ranges.setdefault(name, set()).add(wanted.replace(" ", ""))
    assert {name: found for name, found in ranges.items() if len(found) > 1} == {}


def test_the_versions_are_one(settings):
    """The package, the citation and the newest entry of the changelog."""
    citation = (PROJECT / "CITATION.cff").read_text()
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.search(r"^## \[(\d[\d.]*)\] - (.+)$", changelog, re.MULTILINE)
    assert released.groups() == (ncf_keras.__version__, re.search(r'date-released: "(.+)"', citation)[1])
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == ncf_keras.__version__


def test_the_licence_is_whole(settings):
    text = (PROJECT / "LICENSE").read_text()
    sections = re.findall(r"^   (\d)\. ", text, re.MULTILINE)
    assert sections == list("123456789") and text.rstrip().endswith("limitations under the License.")
    assert settings["metadata"]["license"] == "Apache-2.0"
    for name in settings["metadata"]["license_files"].split():
        assert (PROJECT / name).is_file()


def test_every_module_is_imported_where_there_is_no_posix():
    """As on Windows: without POSIX's modules and names, taken away once other libraries are imported."""
    modules = sorted(module_of(path).removesuffix(".__init__") for path in SOURCES)
    assert len(modules) > 100
    program = f"""
import importlib, sys
import ncf_keras.base.quiet
ncf_keras.base.quiet.import_tensorflow_quietly()
def import_all():
    for name in {modules!r}:
        importlib.import_module(name)
import_all()
for name in [name for name in sys.modules if name.split(".")[0] == "ncf_keras"]:
    del sys.modules[name]
for name in {POSIX_MODULES!r}:
    sys.modules[name] = None
for module, names in {POSIX_NAMES!r}.items():
    for name in names:
        vars(importlib.import_module(module)).pop(name, None)
import_all()
assert sys.modules["ncf_keras.base.locks"].fcntl is None
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
