"""The rules of docs/architecture.md that imports and syntax show, read off the source."""

import ast
import functools
import re
import textwrap

import pytest

from tests.shared_files import PROJECT

PACKAGE = PROJECT / "ncf_keras"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SCRIPTS = sorted((PROJECT / "run").glob("[!_]*.py"))

# What each room may import, besides itself and `base`.
ARROWS = {
    "base": set(),
    "data": set(),
    "evaluation": set(),
    "models": set(),
    "sampling": {"data"},
    "solvers": {"data", "models", "sampling"},
    "weights": {"models"},
    "baselines": {"data", "evaluation", "sampling", "solvers"},
    "training": {"data", "evaluation", "models", "sampling", "solvers", "weights"},
    "tuning": {"baselines", "data", "evaluation", "models", "solvers", "training"},
    "updating": {"data", "evaluation", "models", "serving", "training", "weights"},
    "recommending": {"data", "models", "solvers"},
    "serving": {"data", "models", "recommending"},
    "browsing": {"data", "recommending"},
    "reporting": {"evaluation"},
    "cli": {
        "baselines", "browsing", "data", "evaluation", "models", "recommending", "reporting", "root",
        "sampling", "serving", "solvers", "training", "tuning", "updating", "weights",
    },
    "__main__": {"cli"},
    "root": {
        "baselines", "data", "evaluation", "models", "recommending", "sampling", "serving", "solvers",
        "training", "weights",
    },
}  # fmt: skip
SLOW_TO_IMPORT = {"tensorflow", "keras", "pandas", "scipy", "h5py"}
UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}
UNSAFE_CALLS = {
    "eval", "exec", "compile", "__import__", "read_pickle", "to_pickle", "enable_unsafe_deserialization",
}  # fmt: skip
# Named tuples have these names for everybody.
PUBLIC_OF_NAMED_TUPLES = {"_asdict", "_replace"}
# Files that use private names of others. TensorFlow has no public way to let a resource track what it uses, and
# argparse none to list a parser's flags.
USERS_OF_PRIVATE_NAMES = {
    "ncf_keras/cli/completion.py",
    "ncf_keras/serving/seal.py",
    "ncf_keras/serving/names.py",
}


@functools.cache
def syntax(path):
    """Return the syntax tree of a file, which several tests look at."""
    return ast.parse(path.read_text())


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(node, inside_functions):
    """Yield the full name of each module that the code under `node` imports."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not inside_functions and (
            is_type_checking(child) or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        ):
            continue
        else:
            yield from imports(child, inside_functions)


@functools.cache
def module_level_imports(path):
    return tuple(imports(syntax(path), False))


def room_of(module):
    """Return the room of `ncf_keras.<room>.<…>`, or `root` for the names of `ncf_keras` itself."""
    name = module.split(".")[1] if "." in module else "__init__"
    is_room = (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
    return name if is_room and name != "__init__" else "root"


def module_of(path):
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts)


def wrong_arrows(tree, room):
    wanted = {name for name in imports(tree, True) if name.split(".")[0] == "ncf_keras"}
    allowed = ARROWS[room] | {room, "base"} | ({"root"} if room == "cli" else set())
    return sorted(name for name in wanted if room_of(name) not in allowed)


def imported_at_once(module, seen):
    """Yield what importing `module` imports at module level, through the package's own modules too."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        base = PROJECT.joinpath(*parts[:end])
        file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        for name in module_level_imports(file):
            yield name.split(".")[0]
            if name.startswith("ncf_keras"):
                yield from imported_at_once(name, seen)


def unsafe(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")
            # re.compile and model.compile are another thing than the built-in.
            if called[-1] in UNSAFE_CALLS and not (called[-1] in {"eval", "compile"} and len(called) > 1):
                yield ast.unparse(node)
            for keyword in node.keywords:
                if f"{keyword.arg}={ast.unparse(keyword.value)}" in ("allow_pickle=True", "safe_mode=False"):
                    yield ast.unparse(node)
    yield from (name for name in imports(tree, True) if name.split(".")[0] in UNSAFE_MODULES)


def defined(tree):
    """Yield the names of all functions, and of all attributes and variables that are assigned to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.attr if isinstance(node, ast.Attribute) else node.id


def private(tree, ours):
    """Yield each use of an attribute with a leading underscore on another object, or that is none of `ours`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.fullmatch(r"_(?!_).*", node.attr):
            own = ast.unparse(node.value) in ("self", "cls", "super()") and node.attr in ours
            if not own and node.attr not in PUBLIC_OF_NAMED_TUPLES:
                yield ast.unparse(node)


def problems(paths, find):
    """Return what `find(tree)` yields for each file in which it finds something."""
    found = {str(path.relative_to(PROJECT)): list(find(syntax(path))) for path in paths}
    return {path: wrong for path, wrong in found.items() if wrong}


def test_every_room_has_its_arrows():
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert rooms - {"__init__"} <= set(ARROWS)
    assert {"data", "sampling", "models", "training", "evaluation", "weights", "cli"} <= rooms
    assert [room for room, allowed in ARROWS.items() if "cli" in allowed] == ["__main__"]


def test_imports_go_one_way():
    for room in ARROWS:
        paths = [path for path in SOURCES if room_of(module_of(path)) == room]
        assert problems(paths, lambda tree, room=room: wrong_arrows(tree, room)) == {}


def test_nothing_a_user_hands_over_is_run():
    assert problems([*SOURCES, *SCRIPTS], unsafe) == {}


def test_nothing_private_of_others_is_used():
    ours = {name for path in SOURCES for name in defined(syntax(path))}
    assert set(problems(SOURCES, lambda tree: private(tree, ours))) <= USERS_OF_PRIVATE_NAMES


def test_a_command_answers_help_before_anything_slow_is_imported():
    for path in (PACKAGE / "cli").glob("*.py"):
        assert SLOW_TO_IMPORT.isdisjoint(imported_at_once(module_of(path), set())), path


def test_a_script_only_calls_its_command():
    for path in SCRIPTS:
        own = {"paper.py": "reproduction.command.", "FeedforwardEmbed.py": "explicit_ratings.command."}
        command = own.get(path.name, "ncf_keras.cli.")
        used = [name for name in imports(syntax(path), True) if "." in name]
        used = [name for name in used if name != "pathlib.Path"]
        assert len(used) == 1 and used[0].startswith(command), path
        assert len(path.read_text().splitlines()) <= 12, path


def test_what_the_wheel_says_names_nothing_that_only_a_checkout_has():
    """`ncf prepare` is there for both, `run/prepare.py` and an editable install are not."""
    found = {path: re.findall(r"\brun/\w+|pip install -e", path.read_text()) for path in SOURCES}
    assert {str(path): texts for path, texts in found.items() if texts} == {}


def parsed(text):
    return ast.parse(textwrap.dedent(text))


@pytest.mark.parametrize(("room", "text", "wrong"), [
    ("models", "import ncf_keras.data", 1),
    ("models", "def f():\n    from ncf_keras.data import Dataset", 1),
    ("weights", "from ncf_keras.cli.flags import FORMATS", 1),
    ("training", "if True:\n    from ncf_keras import cli", 1),
    ("base", "from ncf_keras.data import Dataset", 1),
    ("weights", "from ncf_keras.base.errors import InputError\nimport ncf_keras.models, keras", 0),
])  # fmt: skip
def test_a_wrong_arrow_is_seen(room, text, wrong):
    assert len(wrong_arrows(parsed(text), room)) == wrong


@pytest.mark.parametrize("text", [
    "eval('1')", "import pickle", "def f():\n    from pickle import loads", "np.load(file, allow_pickle=True)",
    "keras.saving.load_model(file, safe_mode=False)", "pd.read_pickle(file)",
])  # fmt: skip
def test_unsafe_code_is_seen(text):
    assert len(list(unsafe(parsed(text)))) == 1


def test_a_private_name_of_others_is_seen():
    text = """
        class Mine(keras.Model):
            def _f(self):
                self._a, layer.b = 1, self.__dict__
                return self._f(self._a), keras._c, self._d, layer._inbound_nodes, pair._asdict()
    """
    found = private(parsed(text), set(defined(parsed(text))))
    assert sorted(found) == ["keras._c", "layer._inbound_nodes", "self._d"]


def test_a_slow_import_is_seen_through_another_module():
    assert "keras" in set(imported_at_once("ncf_keras.models.builders", set()))
    assert "keras" not in set(imports(parsed("if TYPE_CHECKING:\n    import keras"), False))
    assert "keras" in set(imports(parsed("def f():\n    import keras"), True))
    assert "keras" not in set(imports(parsed("def f():\n    import keras"), False))
