"""`ncf update LOG --dataset NAME --weights FILE --to serving/ncf`: a served model brought up to date."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ncf_keras.base.errors import InputError
from ncf_keras.base.files import removed_if_unused, require_output, tensorflow_directory
from ncf_keras.base.inputs import kind_of
from ncf_keras.base.terminal import listed
from ncf_keras.base.text_table import text_table
from ncf_keras.cli.console import import_tensorflow_quietly, print_done, progress_bar, run_with_flags
from ncf_keras.cli.export_flags import add_export_flags, asked_of, named_group
from ncf_keras.cli.feature_flags import (
    add_feature_flags,
    grouping_features_of,
    read_said_of_features,
    source_of_features,
)
from ncf_keras.cli.flag_names import flag_names, same_names
from ncf_keras.cli.flags import add_data_flags, number_above, number_between, whole_number
from ncf_keras.cli.help import CommandParser, HelpFormatter
from ncf_keras.cli.id_lines import read_id_lines
from ncf_keras.cli.log_flags import add_column_flags, add_format_flags
from ncf_keras.cli.output_file import check_output_file, json_text, write_output_files
from ncf_keras.cli.paths import InputFile, InputLog, OutputFile
from ncf_keras.cli.raw_log import RawLog, read_raw_log
from ncf_keras.cli.saved_model import require_network
from ncf_keras.training.spec import LEARNERS, TrainingSpec

if TYPE_CHECKING:
    from ncf_keras.data.prepared_features import SaidOfFeatures
    from ncf_keras.serving.asked import Asked
    from ncf_keras.updating.news import Newest
    from ncf_keras.updating.spec import UpdateSpec
    from ncf_keras.updating.workplace import Workplace

# Flags that are not called as the arguments of which errors speak.
FLAGS = {
    "log": "`LOG`", "directory": "`--to`", "model": "`--weights`", "learning_rate": "`--lr`",
    "top_k": "`--topk`", "name": "`--dataset`", "prefix": "`--dataset`", "user_ids": "`--dataset`",
    "item_ids": "`--dataset`", "item_titles": "`--titles`",
}  # fmt: skip
# The exit status where the served model stays.
KEPT = 3
HEADER = ("metric", "served", "new", "difference", "95% confidence interval", "t-test p")
# The metrics that decide; the JSON has all.
SHOWN = ("HR", "NDCG")
EPILOG = (
    "Exit status: 0 a version was published, 3 the served model stays, because the new one is worse (the log "
    "is appended all the same) or nothing is new, 2 a mistake or trouble of the machine, and nothing has "
    "changed. It may be killed at any moment: the same command again ends as if it had not been. A log that "
    "was appended already is not counted twice."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 3 where the served model stays, or 2 after a sentence on an error."""
    return run_with_flags(make_parser().parse_args, _update_by_flags, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    parser = CommandParser(
        description="Bring a served model up to date: append a log to its dataset, go on from its weights with "
        "new users and items folded in, train, and publish the next version unless it is worse than the one "
        "that serves.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    meaning = "new interactions: a file, several, a directory of parts, or - for standard input"
    parser.add_argument("log", type=InputLog, nargs="*", metavar="LOG", help=meaning)
    add_data_flags(parser)
    parser.set_defaults(dataset=None)
    served = "weight file of the model that serves; a better model replaces it"
    parser.add_argument("--weights", type=InputFile, required=True, metavar="FILE", help=served)
    to = "the served model, such as serving/ncf; made if it is missing"
    parser.add_argument("--to", required=True, metavar="DIR", help=to)
    forget = "users who ask to be forgotten, an id a line"
    parser.add_argument("--forget", type=InputFile, metavar="FILE", help=forget)
    titles = "titles of items, as for `ncf prepare`"
    parser.add_argument("--titles", type=InputFile, metavar="FILE", help=titles)
    parser.add_argument("--json", type=OutputFile, metavar="FILE", help="write the report to a file, too")
    add_feature_flags(parser)
    _add_training(parser)
    _add_publishing(parser)
    add_column_flags(parser)
    add_format_flags(parser)
    return parser


def _add_training(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("training").add_argument
    passes = "passes over what is trained on; 0 only folds new users and items in"
    add("--epochs", type=whole_number(0), default=4, help=passes)
    replay = "old interactions to train on for each new one, or all there are"
    add("--replay", type=_number_or_all, default=4.0, metavar="{NUMBER,all}", help=replay)
    add("--batch_size", type=whole_number(1), default=256, help="examples a step")
    add("--num_neg", type=whole_number(0), default=4, help="negatives for each positive")
    add("--lr", type=number_above(0, False), default=0.001, help="learning rate")
    add("--learner", type=str.lower, choices=LEARNERS, default="adam", help="the optimizer")
    left_out = "of a model with features: share of the examples whose identities training leaves out"
    add("--identity_dropout", type=number_between(0, 1, True), default=0, metavar="SHARE", help=left_out)
    add("--seed", type=whole_number(0), default=0, help="of all randomness")


def _number_or_all(text: str) -> float | None:
    return None if text == "all" else number_above(0, True)(text)


def _add_publishing(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("publishing").add_argument
    tolerance = "how much HR and NDCG may fall on the newest interaction of each user"
    add("--tolerance", type=number_above(0, True, 1), default=0.005, help=tolerance)
    add("--topk", type=whole_number(1), default=10, help="length of the ranked list")
    add("--keep", type=whole_number(1), default=3, help="versions that are kept, of those published by updates")
    add_export_flags(parser)


def _update_by_flags(flags: argparse.Namespace) -> int:
    with flag_names(same_names(vars(flags)) | FLAGS), removed_if_unused(flags.to):
        return _update(flags)


def _update(flags: argparse.Namespace) -> int:
    _require_flags(flags)
    spec = _spec(flags)
    log = read_raw_log(flags)
    forget = read_id_lines(flags.forget, "--forget") if flags.forget else []
    said = read_said_of_features(flags)
    features = source_of_features(flags)
    if said.kinds or said.with_new_items:
        features |= {"kinds": dict(said.kinds or {}), "with_new_items": said.with_new_items}
    asked = asked_of(flags)
    if asked.flags():
        features |= {"asked": asked.to_json()}
    import_tensorflow_quietly()
    from ncf_keras.updating.update import identity_of
    from ncf_keras.updating.workplace import Workplace

    place = Workplace(flags.path, flags.dataset, flags.weights, flags.to)
    with place.opened() as completed:
        if completed is not None:
            print("The update that was stopped before has been completed.", file=sys.stderr)
        identity = identity_of(log.rows, forget, spec, log.titles, features)
        done = place.last(identity)
        if done is not None:
            print(
                "This was done already, and nothing has changed since: it is not done again.", file=sys.stderr
            )
        report = done or _work(flags, spec, place, identity, log, forget, said)
    write_output_files({"--json": (flags.json, json_text(report))})
    print_done("\n".join(_lines(flags.dataset, report)), "the update")
    return 0 if report["published"] else KEPT


def _work(
    flags: argparse.Namespace,
    spec: "UpdateSpec",
    place: "Workplace",
    identity: str,
    log: RawLog,
    forget: Sequence[str],
    said: "SaidOfFeatures",
) -> dict[str, Any]:
    """Work the update out, put it in place, and return the report."""
    from ncf_keras.data.dataset_writing import write_prepared
    from ncf_keras.data.earlier import read_earlier
    from ncf_keras.data.prepare import prepare
    from ncf_keras.data.prepared_features import with_features
    from ncf_keras.training.callbacks.share_done import ShareDone
    from ncf_keras.updating.update import require_leave_one_out, work_out
    from ncf_keras.weights import format_of, save_weights
    from ncf_keras.weights.weight_file import read_weight_file

    earlier, served = read_earlier(flags.path, flags.dataset), read_weight_file(flags.weights)
    require_leave_one_out(earlier)
    prepared = prepare(log.rows, earlier.options, earlier, append=True, forget=forget)
    prepared, titles = with_features(prepared, said)
    texts = prepared.titles(titles if log.titles is None else log.titles)
    dataset, asked = prepared.dataset(flags.dataset, texts), asked_of(flags)
    if asked.group is not None:
        named_group(asked.group, grouping_features_of(dataset, "--group"), "the dataset")
    assert earlier.seal is not None
    newest = place.newest(earlier.seal.digest, asked)
    if newest is not None:
        _note_what_is_left_out(newest, asked)
    with progress_bar(100, "%") as show:
        update = work_out(
            dataset,
            earlier,
            served,
            spec,
            must_publish=bool(forget) or newest is None,
            newest=newest,
            callbacks=lambda trainer: [ShareDone(trainer, lambda share: show("training", round(100 * share)))],
            on_folding=lambda what, share: show(f"folding in {what}", round(100 * share)),
            on_note=lambda note: print(f"Note: {note}", file=sys.stderr),
        )
    counted = prepared.report()
    grown = {**counted["ids_from"], **counted["counts"], "dropped": counted["dropped"]}
    report = {**update.to_json(), "dataset": grown}
    if update.not_new:
        # Nothing has changed, so that nothing is put in place.
        return report
    write_prepared(place.prefix_of_new, prepared, {"appended": log.source | source_of_features(flags)}, texts)
    if update.model is not None:
        save_weights(update.model, place.new_weights, format_of(flags.weights))
    # What older versions know of the forgotten goes with them.
    keep = 1 if forget else spec.keep
    return place.put_in_place(identity, earlier.seal.digest, report, keep, asked)


def _note_what_is_left_out(newest: "Newest", asked: "Asked") -> None:
    """Say what the newest version was asked for and the next one is not."""
    left_out = [] if newest.asked is None else newest.asked.left_out_by(asked)
    if left_out:
        note = f"{newest.name} was exported with {' and '.join(left_out)}, which this command does not name"
        print(f"Note: {note}.", file=sys.stderr)


def _spec(flags: argparse.Namespace) -> "UpdateSpec":
    from ncf_keras.updating.spec import UpdateSpec

    training = TrainingSpec(
        epochs=flags.epochs,
        batch_size=flags.batch_size,
        num_neg=flags.num_neg,
        learner=flags.learner,
        learning_rate=flags.lr,
        seed=flags.seed,
    )
    rest = (flags.replay, flags.tolerance, flags.keep, flags.topk, flags.identity_dropout)
    return UpdateSpec(training, *rest)


def _require_flags(flags: argparse.Namespace) -> None:
    if flags.dataset in (None, "sample"):
        rule = "the name of a dataset that `ncf prepare` wrote"
        raise InputError(f"`--dataset` must be {rule}. Received: {flags.dataset or 'none'}")
    if not flags.log and not flags.forget:
        raise InputError("`LOG` must be a log of interactions, unless `--forget` is given. Received: none")
    check_output_file(flags.json, "--json")
    require_output(flags.weights, "`--weights`")
    if kind_of(flags.weights) == "a file":
        require_network(flags.weights, "--weights")
    from ncf_keras.weights import format_of

    # Refused before the training, not when the new weights are to be saved.
    format_of(flags.weights)
    tensorflow_directory(flags.to, "--to")


def _lines(name: str, report: Mapping[str, Any]) -> Iterator[str]:
    grown, training = report["dataset"], report["training"]
    yield (
        f"{name}: {grown['users']:,} users ({grown['new_users']:,} new), {grown['items']:,} items "
        f"({grown['new_items']:,} new), {grown['train']:,} train and {grown['test']:,} test interactions"
    )
    if grown["unknown_users_to_forget"]:
        yield f"{grown['unknown_users_to_forget']:,} unknown user(s) among those to forget"
    for side in ("users", "items"):
        rows = report["warm_start"][side]
        parts = (f"{count:,} {how.replace('_', ' ')}" for how, count in rows.items() if count)
        yield f"Rows of {side}: {', '.join(parts)}"
    if training is None:
        yield f"Nothing was trained: {report['untrained']}."
    else:
        yield (
            f"Trained on {training['examples']:,} examples in {training['epochs']} epoch(s) "
            f"[{training['seconds']:.1f} s]."
        )
    if training is not None and training["comparison"]:
        shown = [name for name in training["comparison"] if name.startswith(SHOWN)]
        yield text_table(HEADER, [_row(metric, training["comparison"][metric]) for metric in shown])
    problem = training["problem"] if training is not None else report["not_new"]
    if not report["published"]:
        yield f"Kept: {problem}."
    elif problem:
        yield f"Published without the training as {report['exported']}: {problem}."
    else:
        yield f"Published as {report['exported']}"
    if report["dataset"]["forgotten_users"] and report.get("left_alone"):
        yield f"Not published by updates, and so as they were, with all users: {listed(report['left_alone'])}"


def _row(metric: str, one: Mapping[str, Any]) -> list[str]:
    difference, p = one["difference"], one["t_test"]
    return [
        metric,
        f"{one['mean_a']:.4f}",
        f"{one['mean_b']:.4f}",
        f"{difference['mean']:+.4f}",
        f"{difference['low']:+.4f} … {difference['high']:+.4f}",
        "-" if p is None else f"{p:.2g}",
    ]
