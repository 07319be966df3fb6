"""The table of the commands of `ncf`: where each lives, and what it does in a sentence."""

import argparse
import importlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command; its module, in `ncf_keras.cli`, has `main(arguments) -> exit status` and `make_parser()`.

    Attributes:
        name: as it is typed after `ncf`.
        group: the heading of the help under which it stands.
        does: what it does, in a sentence that follows "to".
        module: the name of its module.
        of: what both functions of the module are given first, such as the model that is trained.
    """

    name: str
    group: str
    does: str
    module: str
    of: tuple[str, ...] = ()

    def main(self, arguments: Sequence[str]) -> int:
        """Run the command and return its exit status; what it needs is imported now."""
        return importlib.import_module(f"ncf_keras.cli.{self.module}").main(*self.of, arguments)

    def make_parser(self) -> argparse.ArgumentParser:
        """Return the parser of its flags."""
        return importlib.import_module(f"ncf_keras.cli.{self.module}").make_parser(*self.of)


COMMANDS = {
    command.name: command
    for command in (
        Command("download", "Data", "fetch a public dataset, such as ml-1m, ready to train on", "download"),
        Command("prepare", "Data", "turn a log of interactions into a dataset", "prepare"),
        Command("gmf", "Train", "train generalized matrix factorization", "train", ("GMF",)),
        Command("mlp", "Train", "train a multi-layer perceptron on embeddings", "train", ("MLP",)),
        Command("neumf", "Train", "train both as one model, the paper's best", "train", ("NeuMF",)),
        Command("baseline", "Train", "fit a baseline, such as EASE, to hold networks against", "baseline"),
        Command("tune", "Train", "search for the settings that suit a dataset", "tune"),
        Command("evaluate", "Look", "measure how good a saved model is", "evaluate"),
        Command("compare", "Look", "test whether two saved models differ, user by user", "compare"),
        Command("browse", "Look", "look at the lists of a saved model in a browser", "browse"),
        Command("plot", "Look", "draw learning curves", "plot"),
        Command("recommend", "Use", "list items for users, or items like an item", "recommend"),
        Command("convert", "Use", "turn a weight file of Keras 1, 2 or 3 into another format", "convert"),
        Command("export", "Use", "write a saved model for TensorFlow Serving", "export"),
        Command("update", "Use", "bring a served model up to date with a log, every night", "update"),
        Command("ask", "Use", "ask a model that is served", "ask"),
        Command("completion", "Shell", "complete commands, flags and files by the Tab key", "completion"),
    )
}
