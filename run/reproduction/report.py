"""`docs/paper/`: everything that can be said from the results that are there, written anew in seconds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ncf_keras.base.files import written_beside
from ncf_keras.cli.plot import draw
from reproduction import figures, tables
from reproduction.claims import Claim, claims
from reproduction.published import DIFFERENCES, MISS
from reproduction.results import Book
from reproduction.runs import SAMPLE, TARGETS
from reproduction.tables import NOTHING, TextTable, to_csv

RUNS = "runs"

Section = tuple[str, Callable[[Book], TextTable], bool]
# Of each page: title, what it says, and its tables (heading, how it is made, whether it may miss the paper).
PAGES: dict[str, tuple[str, str, Sequence[Section]]] = {
    "table1": ("Table 1: statistics of the datasets", "", [("", tables.table1, False)]),
    "table2": (
        "Table 2: NeuMF with and without pre-training",
        "Pre-trained NeuMF starts from the best GMF and MLP-3 of the same factors, fused with alpha 0.5. The "
        "paper goes on from there with plain SGD; here Adam was tried too.",
        [("", tables.table2, True)],
    ),
    "table3": (
        "Table 3: HR@10 of MLP with different layers",
        "MLP-X has X hidden layers, each half as wide as the one before, the last as wide as the factors.",
        [("", tables.table3, False), ("Its cells", tables.depth_cells, True),
         ("Other activations", tables.activation_cells, False)],
    ),
    "table4": (
        "Table 4: NDCG@10 of MLP with different layers",
        "The runs are those of table 3, whose page has their commands.",
        [("", tables.table4, False)],
    ),
    "figure4": (
        "Figure 4: HR@10 and NDCG@10 by predictive factors",
        "NeuMF is pre-trained, with SGD as in the paper. ItemKNN has no factors. The paper gives this figure "
        "without numbers.",
        [("GMF", tables.gmf_cells, False)],
    ),
    "figure5": (
        "Figure 5: HR@K and NDCG@K, K from 1 to 10",
        "Each model with the factors that gave it the highest HR@10. The paper gives this figure without "
        "numbers, and does not say for how many factors it is. Below, NeuMF is held against each other model "
        "by paired t-tests over the users, as in the paper, which has p < 0.01 throughout.",
        [("", tables.best_cells, False), ("NeuMF at each K", tables.tests_by_k, False)],
    ),
    "figure6": (
        "Figure 6: training loss and performance by iteration",
        "These runs never stop early.",
        [("", tables.curves_cells, False)],
    ),
    "figure7": (
        "Figure 7: HR@10 and NDCG@10 by the number of negatives",
        "NeuMF is without pre-training. BPR pairs one negative with each positive, whatever the axis says.",
        [("", tables.negatives_cells, False)],
    ),
    "baselines": (
        "Baselines",
        "Settings are chosen on validation pairs (one train interaction of each user), then the model is "
        "fitted on all of train and tested once. What others published is on the paper's own split.",
        [("", tables.baselines, False), ("What others published", tables.references, False)],
    ),
}  # fmt: skip
FIGURES = {"figure4": 2, "figure5": 2, "figure6": 3, "figure7": 2}
HOW_TO_READ = (
    "HR and NDCG are of the paper's protocol: one held-out item against 99 sampled negatives. The best "
    "iteration is picked by HR@10 on the test pairs, as the authors do, and counted from 0; "
    f"`{tables.START}`: what the run began with was best. Beside it, where it was run, stands a run that was "
    "picked without them: it holds one more interaction of each user out of train, picks its best iteration by "
    "those, and is tested once, so it also learns from a little less; its command has `--select validation` "
    "besides, or `-validation` before `-seed1`. "
    f"`{tables.BELOW}` marks a cell more than {MISS} below the paper in either metric. `{NOTHING}`: not run "
    "yet, or not in the paper. One learning rate (0.001), one batch size (256) and one seed throughout, where "
    "the paper tried several of the first two; a run stops after 5 iterations without a better HR@10, those of "
    "figure 6 excepted."
)


def write_report(books: Sequence[Book], directory: Path) -> list[Path]:
    """Write all pages, tables, figures and claims, and return the files; a wrong result raises InputError."""
    pages = {}
    for target, (title, about, sections) in PAGES.items():
        picture = f"![{title}]({target}.png)\n\n" if target in FIGURES else ""
        pages[f"{target}.md"] = _page_head(title, about) + picture + _sections(books, sections)
        if target not in FIGURES:
            pages[f"{target}.csv"] = _csv(books, sections[0][1])
    pages["table3_cells.csv"] = _csv(books, tables.depth_cells)
    answers = {book: claims(book) for book in books}
    pages["claims.md"] = _claims_page(answers)
    pages["README.md"] = _first_page(answers, directory)
    drawn = {
        target: [panel for book in books for panel in getattr(figures, target)(book)] for target in FIGURES
    }
    pages |= {f"{target}.csv": figures.points(panels) for target, panels in drawn.items()}
    # Everything has been made by now, so that a broken result leaves all pages as they were.
    for target, panels in drawn.items():
        draw(panels, FIGURES[target], directory / f"{target}.png")
    for name, text in pages.items():
        with written_beside(directory / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return [directory / name for name in (*pages, *(f"{target}.png" for target in drawn))]


def _csv(books: Sequence[Book], make: Callable[[Book], TextTable]) -> str:
    made = {book.grid.dataset: make(book) for book in books}
    header = next(iter(made.values())).header
    return to_csv(["dataset", *header], [[name, *row] for name, table in made.items() for row in table.rows])


def _page_head(title: str, about: str) -> str:
    return f"# {title}\n\n" + (f"{about}\n\n" if about else "") + f"{HOW_TO_READ}\n\n"


def _sections(books: Sequence[Book], sections: Sequence[Section]) -> str:
    text = ""
    for book in books:
        text += f"## {book.title}\n\n"
        if book.grid.dataset in DIFFERENCES:
            text += f"{DIFFERENCES[book.grid.dataset]}\n\n"
        for heading, make, may_miss in sections:
            table = make(book)
            text += (f"### {heading}\n\n" if heading else "") + table.markdown()
            if may_miss:
                text += _misses(table)
    return text


def _misses(table: TextTable) -> str:
    cells = ", ".join(f"{row[1]} with {row[0]} factors" for row in tables.missed(table))
    return f"More than {MISS} below the paper: {cells}.\n\n" if cells else ""


def _claims_page(answers: dict[Book, list[Claim]]) -> str:
    text = (
        "# The paper's claims\n\nPaired t-tests over users, two-sided, at the paper's level of 0.01 (section "
        "4.2); a claim holds if both HR@10 and NDCG@10 are significantly higher. Runs of several factors are "
        "averaged for each user first. One seed each: a p-value tells whether other users would agree, not "
        "whether other seeds would. A network stands with its best iteration on the test pairs, as in the "
        "paper, a baseline with settings chosen on validation pairs, so that the comparisons of the two lean "
        "towards the network; the lines `picked on validation` do not. Pre-trained NeuMF goes on with SGD, as "
        "in the paper. Activations are compared in MLP-3.\n\n"
    )
    for book, found in answers.items():
        text += f"## {book.title}\n\n" + _answers(found).markdown()
        for claim in found:
            text += f"### {claim.text}: {claim.answer or NOTHING}\n\n" + _comparisons(claim).markdown()
    return text


def _answers(found: Sequence[Claim]) -> TextTable:
    table = TextTable(("claim", "answer", "p of HR@10", "p of NDCG@10"))
    for claim in found:
        # The least sure of the comparisons that must all hold.
        answered = claim.deciding if claim.answer else ()
        ps = [max((getattr(each, name) for each in answered), default=None) for name in ("hr_p", "ndcg_p")]
        table.rows.append((claim.text, claim.answer, *(None if p is None else _p(p) for p in ps)))
    return table


def _comparisons(claim: Claim) -> TextTable:
    table = TextTable(("better", "than", "HR@10 +", "p", "NDCG@10 +", "p", "holds"))
    table.rows += [
        (each.better, each.worse, each.hr, _p(each.hr_p), each.ndcg, _p(each.ndcg_p), each.verdict)
        for each in (*claim.deciding, *claim.details)
        if each
    ]
    return table


def _p(value: float) -> str:
    return f"{value:.2g}"


def _first_page(answers: dict[Book, list[Claim]], directory: Path) -> str:
    names = [book.grid.dataset for book in answers]
    made_by = "".join(f"python run/paper.py all --dataset {name}\n" for name in names if name != SAMPLE)
    made_by += "python run/paper.py all --quick\n" if SAMPLE in names else ""
    text = (
        "# The paper's experiments, run again\n\nHe et al., Neural Collaborative Filtering (WWW 2017), section "
        f"4. Made by\n\n```\n{made_by}```\n\nfrom one JSON a run in `{RUNS}/`; every cell has the command "
        "that repeats it. The commands above train what is missing, hours of it, and go on where they were "
        "stopped; with `--no_training` they only write these pages anew, in seconds. "
        f"{HOW_TO_READ}\n\n"
    )
    if (directory / "explanations.md").exists():
        text += (
            "Where a cell misses the paper, [explanations.md](explanations.md) has the experiment on why.\n\n"
        )
    text += "| page | |\n| --- | --- |\n"
    text += "".join(f"| [{target}]({target}.md) | {page[0]} |\n" for target, page in PAGES.items())
    text += "| [claims](claims.md) | The paper's claims, tested |\n\n"
    for book, found in answers.items():
        text += f"## {book.title}\n\n{_progress(book)}\n\n{_answers(found).markdown()}"
    return text + "".join(f"![{target}]({target}.png)\n\n" for target in FIGURES).rstrip() + "\n"


def _progress(book: Book) -> str:
    done = book.all()
    hours = sum(result.seconds for result in done) / 3600
    took = f"together they took {hours:.1f} h, nearly all of it on one thread a run"
    return f"{len(done)} of {len(book.grid.runs(TARGETS))} runs are there; {took}."
