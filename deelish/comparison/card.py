"""A model card in the form of the Hub: what a student is, how it was measured, how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deelish.common.extras import HUB
from deelish.comparison.result import Comparison
from deelish.comparison.table import Row, cells, missing
from deelish.comparison.variants import INT8
from deelish.errors import DataError, FileError
from deelish.network.learner import Learner
from deelish.version import __version__

EXTENSION = ".md"
# The Hub's words for what a network does: of images by whether it has classes, of texts by whether
# it gives the next token.
IMAGE_TASKS = {True: "image-classification", False: "image-to-image"}
TEXT_TASKS = {True: "text-generation", False: "text-classification"}


@dataclass(frozen=True)
class CardFacts:
    """What only a person knows of a model.

    Attributes:
        file: the name of the file of its weights.
        license: an identifier of the Hub, such as "mit"; None where it is not said.
        data: names of datasets, in words or as the Hub has them.
        about: a text about what it is for, and what it is not for.
    """

    file: str = "student.safetensors"
    license: str | None = None
    data: tuple[str, ...] = ()
    about: str = ""


def card_text(student: Learner, report: Comparison | None, facts: CardFacts) -> str:
    """The card as Markdown, with its metadata as YAML in front.

    Args:
        student: the network.
        report: a comparison that measured it, or None.
        facts: what only a person knows.

    Raises:
        FileError: the package huggingface_hub is missing.
        DataError: the report did not measure this student.
    """
    row = None if report is None else _row_of(report, student)
    parts = [
        f"---\n{_metadata(student, report, row, facts)}\n---",
        f"# {student.name}",
        *([facts.about] if facts.about else []),
        _described(student, report),
        *([] if report is None else [_measured(report)]),
        _loading(student, facts),
        f"Made with deelish {__version__}.",
    ]
    return "\n\n".join(parts) + "\n"


def checked_card(path: str | Path) -> Path:
    """The path of a card.

    Raises:
        FileError: it is no .md file.
    """
    if not isinstance(path, str | Path) or Path(path).suffix.lower() != EXTENSION:
        raise FileError(f"{path}: a model card is Markdown; give the path of an {EXTENSION}")
    return Path(path)


def _row_of(report: Comparison, student: Learner) -> Row:
    """The numbers of the student in a report."""
    found = [row for key, row in report.rows.items() if key != "teacher" and row["kind"] != INT8]
    for row in found:
        if row["name"] == student.name:
            return row
    names = ", ".join(row["name"] for row in found)
    raise DataError(
        f"{student.name}.card: the report measured {names}, and not {student.name}; give"
        " Compare(teacher, student, test)"
    )


def _metadata(
    student: Learner, report: Comparison | None, row: Row | None, facts: CardFacts
) -> str:
    try:
        from huggingface_hub import EvalResult, ModelCardData
    except ImportError:
        raise FileError(f"a model card needs the package huggingface_hub; {HUB}") from None
    task = _task(student)
    results = None
    if report is not None and row is not None and row.get("accuracy") is not None:
        data = facts.data[0] if facts.data else "test images"
        results = [
            EvalResult(
                task_type=task or "other",
                dataset_type=data,
                dataset_name=data,
                metric_type="accuracy",
                metric_name="accuracy",
                metric_value=round(row["accuracy"], 4),
            )
        ]
    made = ModelCardData(
        license=facts.license,
        library_name="deelish",
        tags=["knowledge-distillation", "deelish"],
        datasets=list(facts.data) or None,
        metrics=["accuracy"] if results else None,
        pipeline_tag=task,
        model_name=student.name,
        eval_results=results,
    )
    return str(made.to_yaml()).strip()


def _task(student: Learner) -> str | None:
    """The Hub's word for what it does; None where there is none, as for numbers over time."""
    form = student.sequences
    if form is None:
        return IMAGE_TASKS[student.has_classes]
    return TEXT_TASKS[form.next_token] if form.is_text else None


def _described(student: Learner, report: Comparison | None) -> str:
    taught = "" if report is None else f"- its teacher: {report.rows['teacher']['name']}\n"
    return f"{taught}- {student.parameters:,} parameters\n{_reading(student)}"


def _reading(student: Learner) -> str:
    """What it reads and makes."""
    form, pixels = student.sequences, student.preprocessing
    if form is not None:
        of = f"{len(form.vocabulary):,} tokens" if form.is_text else f"{form.fields} at each step"
        return f"- reads sequences of {form.tokens}, {of}; {student.classes} classes"
    mean = ", ".join(f"{each:g}" for each in pixels.mean)
    made = f"{student.classes} classes" if student.has_classes else "an image"
    return (
        f"- {pixels.size} x {pixels.size} pixels to {made}\n- pixels: {pixels.order}, (pixel -"
        f" {mean}) * {pixels.scale_text}, crop fraction {pixels.crop:g}, {pixels.way_text}"
    )


def _measured(report: Comparison) -> str:
    """The table of the report, and how it was measured."""
    head, *lines = cells(report.rows, None if report.device is None else report.device.name)
    table = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    rows = "\n".join(f"| {' | '.join(cell.strip() for cell in line)} |" for line in table)
    notes = "\n".join(f"- {note}" for note in (*missing(report.rows), *report.notes))
    return f"## Measured\n\n{rows}\n\n{notes}"


def _loading(student: Learner, facts: CardFacts) -> str:
    kind = "Network" if hasattr(student, "plan") else "Student"
    shown = student.has_classes and student.sequences is None
    answer = 'net.classify("cat.jpg")\nShowLabels()' if shown else ""
    code = f'from deelish import *\n\nnet = {kind}.load("{facts.file}")\n{answer}'.rstrip()
    return f"## Use\n\n```python\n{code}\n```"
