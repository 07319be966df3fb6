"""What `ncf recommend` reads before it makes lists: the dataset, grown by newcomers, and what steers."""

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING, NamedTuple

from ncf_keras.cli.console import import_tensorflow_quietly
from ncf_keras.cli.dataset import load_dataset
from ncf_keras.cli.newcomers import read_newcomers
from ncf_keras.cli.saved_model import load_saved_model
from ncf_keras.cli.steering import Steering, read_steering

if TYPE_CHECKING:
    from ncf_keras.data import Dataset
    from ncf_keras.recommending import Recommender


class ListInputs(NamedTuple):
    """What was read.

    Attributes:
        trained_on: the dataset of the model.
        dataset: with those who came after the training.
        steering: what may be on the lists.
    """

    trained_on: "Dataset"
    dataset: "Dataset"
    steering: Steering

    def recommender(self, flags: argparse.Namespace) -> "Recommender":
        """Read the model and return what makes its lists; say on standard error how they are found if asked."""
        from ncf_keras.recommending import Recommender
        from ncf_keras.recommending.stages import Stages

        recommender = Recommender(
            load_saved_model(flags.weights, self.trained_on),
            self.dataset,
            self.steering.features,
            candidates=flags.candidates,
            recall=flags.recall,
            measured=Stages.from_json(flags.stages) if getattr(flags, "stages", None) else None,
        )
        if flags.candidates or flags.recall:
            print(recommender.stages.in_words(), file=sys.stderr)
        return recommender


def read_list_inputs(flags: argparse.Namespace) -> ListInputs:
    """Read them; InputError names the flag of the file that is wrong."""
    # Standard output is for the lists alone.
    with contextlib.redirect_stdout(sys.stderr):
        trained_on = load_dataset(flags)
    # Steering reads ids by a module that needs it.
    import_tensorflow_quietly()
    dataset = read_newcomers(flags, trained_on)
    steering = read_steering(flags, dataset)
    if flags.only_new:
        steering.arguments["only_items"] = (dataset.item_ids or ())[trained_on.num_items :]
    return ListInputs(trained_on, dataset, steering)
