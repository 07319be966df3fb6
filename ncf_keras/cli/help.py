"""How the commands print their `--help`."""

import argparse
from typing import NoReturn


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Names the default of each flag that has one: no switch and no flag that may be absent has."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        # 0 is a default, though it equals False.
        has_none = action.default in (None, "") or action.default is False
        has_default = not has_none and not action.required
        return super()._get_help_string(action) if has_default else action.help


class CommandParser(argparse.ArgumentParser):
    """A parser that says of a mistake what every other mistake has: one sentence, and no lines of usage."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence on standard error and exit with status 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")
