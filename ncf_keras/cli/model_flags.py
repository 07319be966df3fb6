"""From the flags of the training commands to a model: lists parsed, sizes checked, pre-training done."""

import argparse
import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ncf_keras.base.errors import InputError
from ncf_keras.cli.console import progress_bar
from ncf_keras.cli.flags import LARGEST_WIDTH, parse_numbers
from ncf_keras.training.tuned import TUNED, pretrain_tuned

if TYPE_CHECKING:
    import keras

    from ncf_keras.data import Dataset


def parse_model_flags(flags: argparse.Namespace) -> None:
    """Add the numbers of the list flags beside their texts, which name the saved file."""
    if "regs" in flags:
        flags.reg_values = parse_numbers(flags.regs, "--regs", whole=False)
        if len(flags.reg_values) != 2:
            raise InputError(f"`--regs` must have 2 numbers, for users and items. Received: {flags.regs!r}")
        _require_penalties(flags.reg_values, "--regs", flags.regs)
    if "layers" in flags:
        flags.widths = parse_numbers(flags.layers, "--layers", whole=True)
        if not flags.widths or min(flags.widths) < 1 or flags.widths[0] % 2:
            raise InputError(
                "`--layers` must have widths of at least 1, the first even, half of it for each embedding. "
                f"Received: {flags.layers!r}"
            )
        if max(flags.widths) > LARGEST_WIDTH:
            raise InputError(
                f"`--layers` must have widths of at most {LARGEST_WIDTH}. Received: {flags.layers[:40]!r}"
            )
        flags.reg_values = parse_numbers(flags.reg_layers, "--reg_layers", whole=False)
        if len(flags.reg_values) != len(flags.widths):
            raise InputError(
                f"`--reg_layers` must have {len(flags.widths)} numbers, one for each of {flags.layers}. "
                f"Received: {flags.reg_layers!r}"
            )
        _require_penalties(flags.reg_values, "--reg_layers", flags.reg_layers)


def _require_penalties(values: list[float], flag: str, text: str) -> None:
    if min(values) < 0:
        raise InputError(f"`{flag}` must have numbers of at least 0. Received: {text!r}")


def penalises_embeddings(flags: argparse.Namespace) -> bool:
    """Tell whether the flags, parsed, put an L2 penalty on an embedding."""
    values = flags.reg_values if "regs" in flags else flags.reg_values[:1]
    return any(values) or bool(getattr(flags, "reg_mf", 0))


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
        if file and not Path(file).is_file():
            raise InputError(f"`{flag}` must be a weight file. Received: {file!r}, which is no file")


def build_model(model_name: str, flags: argparse.Namespace, dataset: "Dataset") -> "keras.Model":
    """Return the model that the flags describe, for the sizes of the dataset."""
    from ncf_keras.models import build_gmf, build_mlp, build_neumf

    sizes = (dataset.num_users, dataset.num_items)
    if model_name == "GMF":
        return build_gmf(*sizes, flags.num_factors, flags.reg_values, seed=flags.seed)
    if model_name == "MLP":
        return build_mlp(*sizes, flags.widths, flags.reg_values, seed=flags.seed)
    return build_neumf(*sizes, flags.num_factors, flags.widths, flags.reg_values, flags.reg_mf, seed=flags.seed)


def pretrain(model: "keras.Model", flags: argparse.Namespace) -> None:
    """Give a NeuMF the weights of the pre-trained models, if any are named, and print the authors' line."""
    if not getattr(flags, "mf_pretrain", ""):
        return
    from ncf_keras.weights import fuse_pretrained, load_model

    gmf, mlp = load_model(flags.mf_pretrain), load_model(flags.mlp_pretrain)
    fuse_pretrained(model, gmf, mlp, flags.alpha, gmf_name=flags.mf_pretrain, mlp_name=flags.mlp_pretrain)
    print(f"Load pretrained GMF ({flags.mf_pretrain}) and MLP ({flags.mlp_pretrain}) models done. ")


def pretrain_by_preset(model: "keras.Model", flags: argparse.Namespace, dataset: "Dataset") -> None:
    """Give a NeuMF the weights of the preset, if one is named, learnt without the pairs that select."""
    if not getattr(flags, "preset", None):
        return
    from ncf_keras.data import split_validation

    recipe = dataclasses.replace(
        TUNED, num_factors=flags.num_factors, layers=tuple(flags.widths), alpha=flags.alpha
    )
    examples = split_validation(dataset) if flags.select == "validation" else dataset
    started = time.perf_counter()
    with progress_bar(100, "%") as show:
        pretrain_tuned(
            model,
            examples,
            recipe,
            flags.seed,
            lambda part, share: show(f"pre-training {part}", round(100 * share)),
        )
    print(f"Pre-trained by --preset {flags.preset} [{time.perf_counter() - started:.1f} s].", file=sys.stderr)
