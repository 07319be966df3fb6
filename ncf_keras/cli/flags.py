"""The flags of the training commands: the authors', with their names and defaults, and our own."""

import argparse
import json
import re
from collections.abc import Callable, Sequence

from ncf_keras.base.errors import InputError
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.paths import CheckpointPath, DatasetPrefix, InputFile, InputWeights, OutputFile
from ncf_keras.models.checks import FEATURES, IDENTITIES
from ncf_keras.models.spec import KINDS
from ncf_keras.training.adam_settings import LEAST_EPSILON
from ncf_keras.training.recipe_file import read_recipe
from ncf_keras.training.spec import (
    DECAYS,
    ENGINES,
    LEARNERS,
    ON_NAN,
    PRECISIONS,
    SAMPLERS,
    SELECTIONS,
    STEPS,
    TrainingSpec,
)
from ncf_keras.training.tuned import TUNED, Recipe

MODELS = KINDS
FORMATS = ("h5", "keras", "weights")
STRATEGIES = ("none", "mirrored", "multiworker")
# The largest width: the weights between two layers of 65,536 units already take 16 GiB.
LARGEST_WIDTH = 2**16
# The largest number of anything, such as examples in a batch: what TensorFlow counts with.
LARGEST_COUNT = 2**31 - 1
# The largest real number: that of float32.
LARGEST_NUMBER = 3.4e38
# The preset that has a name; others are files.
TUNED_PRESET = "tuned"


def parse_training_flags(model: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the flags of `ncf gmf`, `mlp` or `neumf`, with the defaults of the preset that they name.

    Beside `preset`, what was typed, they have `recipe`, the Recipe that it stands for.
    """
    parser = training_parser(model)
    preset = getattr(parser.parse_args(arguments), "preset", None)
    if preset is not None:
        recipe = TUNED if preset == TUNED_PRESET else read_recipe(preset, "`--preset`")
        parser.set_defaults(**_defaults_of(recipe))
    return parser.parse_args(arguments)


def _defaults_of(recipe: Recipe) -> dict[str, object]:
    """Return the defaults that a preset sets: of the model that it pre-trains, which needs no more training."""
    layers = json.dumps(recipe.layers, separators=(",", ":"))
    sizes = {"num_factors": recipe.num_factors, "layers": layers, "alpha": recipe.alpha}
    return {"recipe": recipe, "epochs": 0, **sizes}


def training_parser(model: str) -> argparse.ArgumentParser:
    """Return the parser of `ncf gmf`, `mlp` or `neumf`; `model` is GMF, MLP or NeuMF."""
    description = f"Train {model} on implicit feedback, evaluate it by leave-one-out, save the best."
    parser = CommandParser(description=description, formatter_class=HelpFormatter, allow_abbrev=False)
    add_data_flags(parser)
    _add_model(parser, model)
    _add_features(parser)
    _add_warm_start(parser)
    _add_training(parser)
    _add_learner(parser)
    _add_output(parser)
    _add_checkpoints(parser)
    return parser


def add_memory_flag(parser: argparse.ArgumentParser) -> None:
    """Add `--no_memory_check`."""
    meaning = "begin even if more memory seems needed than this machine has"
    parser.add_argument("--no_memory_check", action="store_true", help=meaning)


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--path` and `--dataset`, which name the three files of a dataset, and `--no_memory_check`."""
    parser.add_argument("--path", default="Data/", help="what stands before the dataset's name")
    built_in = "name of the three files, or `sample` for built-in data"
    parser.add_argument("--dataset", default="ml-1m", help=built_in)
    add_memory_flag(parser)


def whole_number(minimum: int, maximum: int = LARGEST_COUNT) -> Callable[[str], int]:
    """Return a parser of whole numbers of at least `minimum` and at most `maximum`, for argparse.

    Only digits are understood, without zeros before them: `007` is likelier an id than the number 7.
    """

    def parse(text: str) -> int:
        is_number = re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", text)
        if not is_number or not minimum <= int(text) <= maximum:
            bounds = f"from {minimum} to {maximum}"
            raise argparse.ArgumentTypeError(f"must be a whole number {bounds}. Received: {text[:40]!r}")
        return int(text)

    return parse


def memory_size(text: str) -> int:
    """Return the bytes that a text such as 4GB, 512MB or 4GiB stands for, for argparse."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?([kmgt])(i?)b?", text.strip(), re.IGNORECASE)
    if not found:
        raise argparse.ArgumentTypeError(
            f"must be a number and a unit, such as 4GB, 512MB or 4GiB. Received: {text[:40]!r}"
        )
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** ("kmgt".index(unit.lower()) + 1))


def number_above(minimum: float, inclusive: bool, maximum: float = LARGEST_NUMBER) -> Callable[[str], float]:
    """Return a parser of numbers above (or from) `minimum` and at most `maximum`, for argparse."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (minimum <= value if inclusive else minimum < value) or value > maximum:
            bound = "of at least" if inclusive else "above"
            rule = f"must be a number {bound} {minimum:g} and at most {maximum:g}"
            raise argparse.ArgumentTypeError(f"{rule}. Received: {text[:40]!r}")
        return value

    return parse


def number_between(minimum: float, maximum: float, inclusive: bool = False) -> Callable[[str], float]:
    """Return a parser of numbers above (or from) `minimum` and below `maximum`, for argparse."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (minimum < value or (inclusive and minimum == value)) or not value < maximum:
            bound = "of at least" if inclusive else "above"
            rule = f"must be a number {bound} {minimum:g} and below {maximum:g}"
            raise argparse.ArgumentTypeError(f"{rule}. Received: {text[:40]!r}")
        return value

    return parse


def parse_numbers(text: str, flag: str, whole: bool) -> list:
    """Return the finite numbers in a list as the authors' flags have it: `[64,32,16,8]`; without `eval`.

    Raises:
        InputError: it is not a list of (whole) numbers.
    """
    rule = "whole numbers, such as [64,32,16,8]" if whole else "numbers, such as [0,0.01]"
    try:
        values = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        values = None
    kinds = (int,) if whole else (int, float)
    if not isinstance(values, list) or not all(type(value) in kinds and _fits(value) for value in values):
        raise InputError(f"`{flag}` must be a list of {rule}. Received: {text!r}")
    return values


def _fits(value: float) -> bool:
    try:
        return abs(float(value)) <= LARGEST_NUMBER
    except OverflowError:
        return False


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _add_model(parser: argparse.ArgumentParser, model: str) -> None:
    add = parser.add_argument
    if model in ("GMF", "NeuMF"):
        width = whole_number(1, LARGEST_WIDTH)
        add("--num_factors", type=width, default=8, help="width of the GMF embeddings")
    if model == "GMF":
        add("--regs", default="[0,0]", help="L2 penalties of the user and item embeddings")
    if model in ("MLP", "NeuMF"):
        tower = "widths of the MLP tower; the first is that of both embeddings together"
        add("--layers", default="[64,32,16,8]", help=tower)
        add("--reg_layers", help="L2 penalties of the layers, the first of the embeddings; zeros if left out")
    if model == "NeuMF":
        add("--reg_mf", type=number_above(0, True), default=0, help="L2 penalty of the GMF embeddings")
        add("--mf_pretrain", type=InputFile, default="", help="weight file of a trained GMF to start from")
        add("--mlp_pretrain", type=InputFile, default="", help="weight file of a trained MLP to start from")
        share = "share of the pre-trained GMF in the output layer, 0 to 1"
        add("--alpha", type=float, default=0.5, help=share)
        tuned = (
            "tuned, or a file of settings that ncf tune has found: pre-train GMF by least squares and an MLP, "
            "fuse them, and stop there; it sets --num_factors, --layers, --alpha and --epochs where they are "
            "left out"
        )
        add("--preset", type=_preset, metavar="tuned|FILE", help=tuned)


def _add_features(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    known = "whose features (ncf prepare --item_features, --user_features) the model takes"
    add("--features", choices=FEATURES, default="none", help=known)
    own = "who has an embedding of his own; the others are described by their features alone"
    add("--identity", choices=IDENTITIES, default="both", help=own)
    left_out = "share of the examples whose identities training leaves out, so that features can stand alone"
    add("--identity_dropout", type=number_between(0, 1, True), default=0, metavar="SHARE", help=left_out)
    recent = "how many of the items that a user chose last the model takes; by timestamp: it knows the order"
    add("--recent", type=whole_number(0), default=0, metavar="L", help=recent)


def _preset(text: str) -> str:
    return text if text == TUNED_PRESET else InputFile(text)


def _add_warm_start(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    earlier = "begin with the rows of an earlier model: a weight file, a checkpoint or a directory of them"
    add("--warm_start", type=InputWeights, metavar="FILE", help=earlier)
    ids = "the earlier dataset, such as Data/yesterday, whose raw ids the rows have; --dataset if left out"
    add("--warm_ids", type=DatasetPrefix, metavar="PREFIX", help=ids)


def _add_training(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--epochs", type=whole_number(0), default=100, help="passes over the data")
    add("--batch_size", type=whole_number(1), default=256, help="examples a step")
    add("--num_neg", type=whole_number(0), default=4, help="negatives for each positive")
    add("--lr", type=number_above(0, False), default=0.001, help="learning rate")
    add("--learner", type=str.lower, choices=LEARNERS, default="adam", help="the optimizer")
    add("--seed", type=whole_number(0), help="of all randomness; a fresh one if left out")
    selection = (
        "what picks the best iteration: the test pairs, as the authors do, or pairs held out of train; with "
        "none the last one counts, and the test pairs are ranked once, at the end"
    )
    add("--select", choices=SELECTIONS, default="test", help=selection)
    add("--engine", choices=ENGINES, default="compiled", help="keras is plain model.fit")
    drawing = "where negatives are drawn; auto: on the device where it is a GPU"
    add("--sampler", choices=SAMPLERS, default="auto", help=drawing)
    moving = "rows that a step moves: all, or those of its batch; auto: what is faster for the sizes"
    add("--step", choices=STEPS, default="auto", help=moving)
    sharing = "who shares the users: nobody, the devices of this machine, or the workers of TF_CONFIG"
    add("--strategy", choices=STRATEGIES, default="none", help=sharing)
    parts = "of users, divided among the workers; if left out, 16 with --strategy, else 1"
    add("--shards", type=whole_number(1), help=parts)
    patience = "stop after so many evaluations without a better hit ratio; never if left out"
    add("--patience", type=whole_number(1), help=patience)


def _add_learner(parser: argparse.ArgumentParser) -> None:
    add, share = parser.add_argument, number_between(0, 1)
    add("--beta_1", type=share, default=TrainingSpec.beta_1, help="of adam: share of the mean kept at a step")
    add("--beta_2", type=share, default=TrainingSpec.beta_2, help="the same of the mean square")
    epsilon = "of adam: what is added to the root of the mean square"
    add("--epsilon", type=number_above(LEAST_EPSILON, True), default=TrainingSpec.epsilon, help=epsilon)
    rising = "steps in which the learning rate rises from 0 to --lr"
    add("--warmup_steps", type=whole_number(0), default=0, metavar="STEPS", help=rising)
    decay = "of the learning rate, after the warm-up: cosine ends at 0 after --decay_steps"
    add("--lr_decay", choices=DECAYS, default="none", help=decay)
    add(
        "--decay_steps", type=whole_number(0), default=0, metavar="STEPS", help="steps that --lr_decay is about"
    )
    falling = "what exponential multiplies the learning rate by in --decay_steps"
    add("--decay_rate", type=number_above(0, False, 1), default=TrainingSpec.decay_rate, help=falling)
    precision = "of the products in training; tf32 is for GPUs. All else is float32"
    add("--precision", choices=PRECISIONS, default="float32", help=precision)
    same = "use deterministic operations alone: on a GPU too, the same seed gives the same lines"
    add("--deterministic", action="store_true", help=same)


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--verbose", type=whole_number(1), default=1, help="evaluate every so many epochs")
    add("--topk", type=whole_number(1), default=10, help="length of the ranked list")
    add("--out", type=whole_number(0), default=1, help="save the best model if above 0")
    add("--save_dir", default="pretrain/", help="directory of the saved model")
    layout = "of the saved model: Keras 1 weights as the authors', a .keras archive, or .weights.h5 of Keras 3"
    add("--format", choices=FORMATS, default="h5", help=layout)
    export = "export the best model for TensorFlow Serving at the end, such as to serving/ncf"
    add("--export", metavar="DIR", help=export)
    add("--log_csv", type=OutputFile, metavar="FILE", help="write a row for each iteration")
    add("--tensorboard", metavar="DIR", help="write curves for TensorBoard (needs the extra of that name)")


def _add_checkpoints(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    kept = "keep the state of the run there, of this run alone, so that it can be resumed"
    add("--checkpoint_dir", type=CheckpointPath, metavar="DIR", help=kept)
    often = "write a checkpoint every so many epochs"
    add("--checkpoint_every", type=whole_number(1), default=1, metavar="EPOCHS", help=often)
    add("--resume", action="store_true", help="go on from the newest good checkpoint; begin if there is none")
    nan = "when a loss is no number: stop, or go back an epoch and halve the learning rate"
    add("--on_nan", choices=ON_NAN, default="stop", help=nan)
