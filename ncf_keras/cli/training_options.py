"""Turn the flags of the training commands into specs, and pre-train a NeuMF as they ask."""

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.inputs import kind_of
from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.flag_names import flag_names
from ncf_keras.cli.flags import LARGEST_WIDTH, parse_numbers
from ncf_keras.cli.saved_model import require_network
from ncf_keras.training.known_features import KnownFeatures
from ncf_keras.training.spec import TrainingSpec
from ncf_keras.training.tuned import TUNED, pretrain_tuned

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset
    from ncf_keras.models import ModelSpec

# The flags of those fields of a TrainingSpec for which the authors have other names.
FLAG_OF = {
    "learning_rate": "lr", "learning_rate_decay": "lr_decay", "top_k": "topk", "evaluate_every": "verbose",
}  # fmt: skip
# The shards of a run with `--strategy`, if it does not say: so many workers can share it.
SHARDS_OF_WORKERS = 16
# Flags outside the specs that must be the same when a run resumes.
RUN_FLAGS = (
    "dataset", "layers", "mf_pretrain", "mlp_pretrain", "alpha", "preset", "warm_start", "warm_ids", "save_dir",
    "out", "format", "export",
)  # fmt: skip
# Those that only matter where there are features, so that runs without go on from earlier checkpoints.
OF_FEATURES = ("features", "identity", "identity_dropout")
# Likewise of the order of time.
OF_RECENT = "recent"
# Those of them that only the chief uses, so that they may differ between workers.
CHIEF_ALONE = (
    "--save_dir", "--out", "--export", "--format", "--mf_pretrain", "--mlp_pretrain", "--warm_start",
    "--warm_ids",
)  # fmt: skip


def training_spec(flags: argparse.Namespace) -> TrainingSpec:
    """Return the spec that the flags describe, with seed 0 and the usual shards if none are given."""
    names = [field.name for field in dataclasses.fields(TrainingSpec)]
    given = {name: getattr(flags, FLAG_OF.get(name, name)) for name in names}
    # What else does not go with `--strategy` is refused by `read_cluster`, in its own words.
    has_workers = flags.strategy != "none" and flags.engine == "compiled" and flags.sampler != "device"
    shards = flags.shards or (min(SHARDS_OF_WORKERS, flags.batch_size) if has_workers else 1)
    with flag_names(names_of_settings()):
        return TrainingSpec(**{**given, "seed": flags.seed or 0, "shards": shards})


def model_options(flags: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the ModelSpec that the flags describe, without its kind, users and items."""
    options = {name: getattr(flags, name) for name in ("num_factors", "reg_mf") if name in flags}
    if "regs" in flags:
        options["regs"] = parse_numbers(flags.regs, "--regs", whole=False)
        if len(options["regs"]) != 2:
            raise InputError(f"`--regs` must have 2 numbers, for users and items. Received: {flags.regs!r}")
        _require_penalties(options["regs"], "--regs", flags.regs)
    if "layers" in flags:
        options["layers"] = _layers(flags.layers)
        options["reg_layers"] = _reg_layers(flags.reg_layers, len(options["layers"]), flags.layers)
    return options


def check_features(flags: argparse.Namespace) -> None:
    """Raise InputError if the flags of features do not fit the others."""
    if flags.features == "none":
        for flag in ("identity", "identity_dropout"):
            if getattr(flags, flag) not in ("both", 0):
                rule = "must come with `--features`, or nothing is known of whom it leaves out"
                raise InputError(f"`--{flag}` {rule}. Received: {getattr(flags, flag)}")
        return
    for flag, without in (("preset", None), ("strategy", "none"), ("shards", None)):
        given = getattr(flags, flag, without)
        if given != without:
            raise InputError(f"`--features` must be none with `--{flag}` {given}. Received: {flags.features}")


def check_recent(flags: argparse.Namespace) -> None:
    """Raise InputError if `--recent` does not fit the other flags."""
    if not flags.recent:
        return
    for flag, without in (("strategy", "none"), ("shards", None), ("preset", None), ("warm_start", None)):
        given = getattr(flags, flag, without)
        if given not in (without, ""):
            raise InputError(f"`--recent` must be 0 with `--{flag}` {given}. Received: {flags.recent}")
    for flag in ("sampler", "step"):
        given = getattr(flags, flag)
        if given in ("device", "deferred"):
            raise InputError(f"`--recent` must be 0 with `--{flag}` {given}. Received: {flags.recent}")


def require_order(flags: argparse.Namespace, dataset: "Dataset") -> None:
    """Raise InputError if `--recent` asks for an order that the dataset does not tell."""
    if flags.recent and dataset.train_order is None:
        raise InputError(
            f"`--recent` must be 0 where the train interactions of {dataset.name} have no timestamps that tell "
            f"their order. Received: {flags.recent}"
        )


def _layers(text: str) -> list[int]:
    widths = parse_numbers(text, "--layers", whole=True)
    if not widths or min(widths) < 1 or widths[0] % 2:
        raise InputError(
            "`--layers` must have widths of at least 1, the first even, half of it for each embedding. "
            f"Received: {text!r}"
        )
    if max(widths) > LARGEST_WIDTH:
        raise InputError(f"`--layers` must have widths of at most {LARGEST_WIDTH}. Received: {text[:40]!r}")
    return widths


def _reg_layers(text: str | None, count: int, layers: str) -> list[float] | None:
    if text is None:
        return None
    values = parse_numbers(text, "--reg_layers", whole=False)
    if len(values) != count:
        raise InputError(
            f"`--reg_layers` must have {count} numbers, one for each of {layers}. Received: {text!r}"
        )
    _require_penalties(values, "--reg_layers", text)
    return values


def _require_penalties(values: Sequence[float], flag: str, text: str) -> None:
    if min(values) < 0:
        raise InputError(f"`{flag}` must have numbers of at least 0. Received: {text!r}")


def run_options(
    flags: argparse.Namespace, model: "ModelSpec", training: TrainingSpec, dataset: "Dataset"
) -> dict[str, Any]:
    """Return the options that must be the same for a run to resume, by flag, as JSON values."""
    elsewhere = ("layers", *OF_FEATURES, OF_RECENT)
    of_model = {name: each for name, each in model.to_json().items() if name in flags and name not in elsewhere}
    may_change = TrainingSpec.names("may_change")
    of_training = {
        FLAG_OF.get(name, name): value for name, value in training.to_json().items() if name not in may_change
    }
    rest = {name: getattr(flags, name) for name in RUN_FLAGS if name in flags}
    if flags.features != "none":
        rest |= {name: getattr(flags, name) for name in OF_FEATURES}
    recent = getattr(flags, OF_RECENT, 0)
    if recent:
        rest[OF_RECENT] = recent
    if "recipe" in flags and flags.recipe != TUNED:
        rest["preset"] = {"file": flags.preset, **flags.recipe.to_json()}
    by_flag = {f"--{name}": value for name, value in (of_model | of_training | rest).items()}
    content = {"content of --dataset": content_digest(dataset, flags.features)}
    if recent:
        content["order of --dataset"] = order_digest(dataset)
    return {"model": model.kind, **by_flag, **content}


def order_digest(dataset: "Dataset") -> str:
    """Return what tells the order in time of a dataset's train interactions from any other."""
    from ncf_keras.training.checkpoints import digest_of

    return digest_of({"train_order": [] if dataset.train_order is None else dataset.train_order})


def content_digest(dataset: "Dataset", features: str = "none") -> str:
    """Return what tells the interactions and test pairs of a dataset from those of any other.

    So are its features, of the sides that a model takes: `none`, `user`, `item` or `both`.
    """
    from ncf_keras.training.checkpoints import digest_of

    content = {
        "sizes": [dataset.num_users, dataset.num_items],
        "train_offsets": dataset.train_offsets,
        "train_items": dataset.train_items,
        "test_users": dataset.test_users,
        "test_items": dataset.test_items,
        "test_negatives": dataset.test_negatives,
        "train_is_latest": [] if dataset.train_is_latest is None else dataset.train_is_latest,
    }
    # Only where there are any, so that runs of datasets without them go on from earlier checkpoints.
    states = {"user_states": dataset.user_states, "item_states": dataset.item_states}
    marks = {"train_is_validation": dataset.train_is_validation}
    for name, matrix in KnownFeatures.of(dataset, features).matrices.items():
        marks |= {f"{name}.{part}": getattr(matrix, part) for part in ("indptr", "indices")}
    return digest_of(content | {name: array for name, array in (states | marks).items() if array is not None})


def names_of_settings() -> dict[str, str]:
    """Return the names of a TrainingSpec's fields as flags, for `flag_names`."""
    names = (field.name for field in dataclasses.fields(TrainingSpec))
    return {name: f"`--{FLAG_OF.get(name, name)}`" for name in names}


def default_options() -> dict[str, Any]:
    """Return the settings of a training that says nothing, by flag."""
    return {f"--{FLAG_OF.get(name, name)}": value for name, value in TrainingSpec().to_json().items()}


def shared_options(options: dict[str, Any]) -> str:
    """Return, as text, the options of a run that must be the same for all workers."""
    alone = {f"--{FLAG_OF.get(name, name)}" for name in TrainingSpec.names("of_chief")} | set(CHIEF_ALONE)
    return repr([pair for pair in options.items() if pair[0] not in alone])


def saved_name(kind: str, flags: argparse.Namespace) -> str:
    """Return the authors' name of the saved file up to the time, the layers as they were typed."""
    sizes = [str(getattr(flags, name)) for name in ("num_factors", "layers") if name in flags]
    return "_".join([Path(flags.dataset).name, kind, *sizes])


def check_pretraining(flags: argparse.Namespace) -> None:
    """Raise InputError if the flags of pre-trained models do not fit each other or name no files."""
    if "mf_pretrain" not in flags:
        return
    if bool(flags.mf_pretrain) != bool(flags.mlp_pretrain):
        raise InputError(
            "`--mf_pretrain` and `--mlp_pretrain` must be given together, one file each. "
            f"Received: {flags.mf_pretrain!r} and {flags.mlp_pretrain!r}"
        )
    if flags.preset and flags.mf_pretrain:
        raise InputError(
            "`--preset` must come without `--mf_pretrain` and `--mlp_pretrain`, because it trains its own. "
            f"Received: {flags.preset} and {flags.mf_pretrain}"
        )
    if flags.preset and flags.strategy != "none":
        raise InputError(
            "`--preset` must come without `--strategy`, because one process does it alone. "
            f"Received: {flags.strategy}"
        )
    if not 0 <= flags.alpha <= 1:
        raise InputError(f"`--alpha` must be between 0 and 1. Received: {flags.alpha}")
    for flag, file in (("--mf_pretrain", flags.mf_pretrain), ("--mlp_pretrain", flags.mlp_pretrain)):
        if file and kind_of(file, f"`{flag}`") != "a file":
            raise InputError(f"`{flag}` must be a weight file. Received: {file!r}, which is no file")
        if file:
            require_network(file, flag, "GMF" if flag == "--mf_pretrain" else "MLP")


def is_pretrained(flags: argparse.Namespace) -> bool:
    """Return whether the flags give a model pre-trained weights."""
    return any(getattr(flags, name, None) for name in ("mf_pretrain", "preset", "warm_start"))


def pretrain(model: "keras.Model", flags: argparse.Namespace) -> None:
    """If pre-trained models are named, fuse them into a NeuMF and print the authors' line."""
    if not getattr(flags, "mf_pretrain", ""):
        return
    from ncf_keras.weights import fuse_pretrained, load_model

    gmf, mlp = load_model(flags.mf_pretrain), load_model(flags.mlp_pretrain)
    fuse_pretrained(model, gmf, mlp, flags.alpha, gmf_name=flags.mf_pretrain, mlp_name=flags.mlp_pretrain)
    print(f"Load pretrained GMF ({flags.mf_pretrain}) and MLP ({flags.mlp_pretrain}) models done. ")


def pretrain_by_preset(
    model: "keras.Model", spec: "ModelSpec", flags: argparse.Namespace, seed: int, dataset: "Dataset"
) -> None:
    """If a preset is named, pre-train a NeuMF by it, on data without the selection pairs."""
    if not getattr(flags, "preset", None):
        return
    from ncf_keras.data import split_validation

    recipe = dataclasses.replace(
        flags.recipe, num_factors=spec.num_factors, layers=tuple(spec.layers), alpha=flags.alpha
    )
    examples = split_validation(dataset) if flags.select == "validation" else dataset
    started = time.perf_counter()
    try:
        with progress_bar(100, "%") as show:
            pretrain_tuned(
                model,
                examples,
                recipe,
                seed,
                lambda part, share: show(f"pre-training {part}", round(100 * share)),
            )
    except InputError as error:
        # Its settings are none of the flags of this command.
        raise InputError(f"In the pre-training by `--preset` {flags.preset}: {error}") from None
    print(f"Pre-trained by --preset {flags.preset} [{time.perf_counter() - started:.1f} s].", file=sys.stderr)
