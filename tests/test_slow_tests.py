"""What is said to be slow is there: a test that was renamed would run with the fast ones, unseen."""

import re

from tests.shared_files import PROJECT
from tests.slow_tests import SLOW, is_slow


def test_each_name_is_that_of_a_test():
    for name in SLOW:
        file, _, test = name.partition("[")[0].partition("::")
        text = (PROJECT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {test}\(", text, re.MULTILINE), name


def test_a_name_without_brackets_means_all_cases():
    whole = next(name for name in SLOW if "[" not in name)
    case = next(name for name in SLOW if "[" in name)
    assert is_slow(f"tests/{whole}[any]") and is_slow(f"tests/{case}")
    assert not is_slow(f"tests/{case.partition('[')[0]}[another]")
