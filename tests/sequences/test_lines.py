"""Lists of sequences: what a line may be, and what is refused with its place."""

import numpy as np
import pytest
from series import write

from deelish import Deel, InputBatch
from deelish.errors import DataError, UsageError

LM = {"tokens": "words"}
# By name: the lines, the choices of InputBatch, and what the error says.
REFUSED = {
    "no line": (["", ""], {}, "train.tsv: the list is empty"),
    "other fields": (
        ["1 2\t3 4\ta", "1 2\tb"],
        {},
        "train.tsv line 2: has 1 field and a label, and line 1 has 2 fields and a label",
    ),
    "a label missing": (["1 2\ta", "1 2"], {}, "line 2: has 1 field, and line 1 has 1 field and a"),
    "an empty label": (
        ["1\ta", "2\t"],
        {},
        "line 2: its label is missing, and that of line 1 is a",
    ),
    "a number and a name": (["1\t0", "2\tb"], {}, "line 2: its label is a name"),
    "a negative class": (["1\t0", "2\t-3"], {}, "line 2: label -3 is negative"),
    "fields of other lengths": (["1 2\t3\ta"], {}, "line 1: its fields have 2 and 1 numbers"),
    "an empty sequence": (["1 2\ta", "", " \tb"], {}, "line 3: the sequence is empty"),
    "no number": (["1 2\ta", "1 x\tb"], {}, "line 2: 'x' is no number; give numbers, or pass tok"),
    "not finite": (["1 nan\ta"], {}, "line 1: 'nan' is no finite number"),
    "too large": (["1 1e39\ta"], {}, "line 1: '1e39' is no finite number"),
    "two texts": (["a\tb\t1"], LM, "line 1: has 2 fields before its label, and a text is one"),
    "too long": (["a b", "a b c"], {**LM, "max_length": 2}, "line 2: the sequence has 3 steps"),
    "an unknown token": (
        ["cat dog", "cat dgo"],
        {**LM, "vocabulary": ["\n", "cat", "dog"]},
        "line 2: the token 'dgo' is not in the vocabulary of 3 (",
    ),
    "no length": (["a"], {**LM, "max_length": 0}, "max_length=0: give the most steps"),
    "other tokens": (["a"], {"tokens": "letters"}, "tokens='letters': it is 'numbers', 'words' or"),
    "words of numbers": (["1\t0"], {"vocabulary": ["1"]}, "sequences of numbers have none"),
    "an empty vocabulary": (["a\t0"], {**LM, "vocabulary": []}, "vocabulary: it is empty"),
    "no line break": (["a"], {**LM, "vocabulary": ["a"]}, "vocabulary: it lacks the line break"),
    "a token twice": (
        ["a"],
        {**LM, "vocabulary": ["\n", "a", "a"]},
        "entry 3, 'a', is also entry 2",
    ),
    "no token": (["a"], {**LM, "vocabulary": ["\n", 1]}, "vocabulary: entry 2 is 1; give a text"),
    "no file": (["a"], {**LM, "vocabulary": "none.txt"}, "none.txt: there is no such"),
    "views": (
        ["1\t0"],
        {"views": 4},
        "InputBatch(views=4): ",
    ),
    "augment": (["1\t0"], {"augment": "blur"}, "holds sequences; leave augment= out"),
    "crop": (["1\t0"], {"crop": 1}, "holds sequences; leave crop= out"),
    "mirror": (["1\t0"], {"mirror": "alternate"}, "holds sequences; leave mirror= out"),
    "keep": (["1\t0"], {"keep": "memory"}, "holds sequences; leave keep= out"),
    "bad images": (["1\t0"], {"on_bad_image": "skip"}, "holds sequences; leave on_bad_image= out"),
    "no batch": (["1\t0"], {"batch_size": 0}, "InputBatch(batch_size=0)"),
}


@pytest.fixture(autouse=True)
def session():
    with Deel(seed=1):
        yield


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_list_is_refused(tmp_path, case):
    lines, choices, expected = REFUSED[case]
    with pytest.raises(DataError) as caught:
        InputBatch(write(tmp_path, "train.tsv", lines), **choices)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("val", "expected"),
    [
        ("1\t0", "val.tsv line 1: its label is a number, and that of"),
        ("1\tc", "val.tsv line 1: its label 'c' is none of 2 known ones"),
        ("1 2", "val.tsv line 1: has 1 field, and"),
    ],
)
def test_a_list_for_validation_is_of_the_same_kind(tmp_path, val, expected):
    train = write(tmp_path, "train.tsv", ["1\ta", "2\tb"])
    with pytest.raises(DataError) as caught:
        InputBatch(train, write(tmp_path, "val.tsv", [val]))
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", ["tokens", "vocabulary", "max_length"])
def test_choices_of_sequences_are_refused_of_images(tmp_path, name):
    value = {"tokens": "words", "vocabulary": ["a"], "max_length": 3}[name]
    with pytest.raises(DataError, match=rf"InputBatch\({name}=.*ends in .tsv; leave {name}= out"):
        InputBatch(write(tmp_path, "train.txt", ["a.png 0"]), **{name: value})


def test_a_vocabulary_is_no_number(tmp_path):
    with pytest.raises(UsageError, match=r"vocabulary=5\): is of type int"):
        InputBatch(write(tmp_path, "train.tsv", ["a"]), tokens="words", vocabulary=5)


def test_a_file_that_is_no_text_is_refused_with_its_line(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_bytes(b"a\nb\xff\n")
    with pytest.raises(DataError, match=r"train.tsv line 2: the text is not UTF-8"):
        InputBatch(path, tokens="characters")


def test_the_fields_of_a_line_are_the_numbers_of_each_step(tmp_path):
    path = write(tmp_path, "train.tsv", ["1 2 3\t-4 5.5 6e1\t2", "7\t8\t0"])
    data = InputBatch(path, batch_size=2)
    form = data.sequences
    assert (form.tokens, form.fields, form.next_token, data.classes) == ("numbers", 2, False, 3)
    (batch,) = data.train.batches(0, training=False)
    short, long = batch.steps(form)
    np.testing.assert_array_equal(long, [[1, -4], [2, 5.5], [3, 60]])
    np.testing.assert_array_equal(short, [[7, 8]])
    assert batch.labels.tolist() == [0, 2]


def test_a_vocabulary_is_that_of_the_training_list_or_given(tmp_path):
    path = write(tmp_path, "train.tsv", ["b a", "c a"])
    assert InputBatch(path, **LM).sequences.vocabulary == ("\n", "a", "b", "c")
    assert InputBatch(path, tokens="characters").sequences.vocabulary == ("\n", " ", "a", "b", "c")
    listed = write(tmp_path, "words.txt", ["", "<unk>", "a"])
    form = InputBatch(path, **LM, vocabulary=listed).sequences
    assert form.vocabulary == ("\n", "<unk>", "a")
    assert form.steps(["a b c a"]).tolist() == [2, 1, 1, 2]


def test_an_empty_label_is_no_next_token(tmp_path):
    path = write(tmp_path, "train.tsv", ["a b\t", "a\t"])
    data = InputBatch(path, **LM)
    assert not data.sequences.next_token
    (batch,) = data.train.batches(0, training=False)
    assert batch.labels is None


def test_names_are_numbered_by_the_alphabet(tmp_path):
    names = ["walk", "run", "sit", "jump", "lie", "stand", "walk"]
    lines = [f"{'1 ' * count}\t{name}" for count, name in enumerate(names, 1)]
    data = InputBatch(write(tmp_path, "train.tsv", lines))
    (batch,) = data.train.batches(0, training=False)
    assert batch.labels.tolist() == [5, 2, 3, 0, 1, 4, 5]


def test_lines_that_are_in_both_lists_are_reported(tmp_path, capsys):
    train = write(tmp_path, "train.tsv", ["1\t0", "2\t1"])
    InputBatch(train, write(tmp_path, "val.tsv", ["3\t0", "2\t1", "2\t0"]))
    printed = capsys.readouterr().out
    assert "2 of 3 validation sequences are also for training" in printed
    assert "val.tsv line 2" in printed
    assert "train.tsv line 2" in printed
