"""Class folders: their labels by the names of classes, by the alphabet, or refused."""

from __future__ import annotations

import pytest
from one_sentence import refused

from deelish.errors import DataError
from deelish.images.class_folders import ClassFolders, NamedClasses, numbered_folders
from deelish.images.lists import read_samples

ANIMALS = ("ant", "cat", "dog")


def folders(path, names):
    for name in names:
        (path / name).mkdir(parents=True)
        (path / name / "x.png").write_bytes(b"x")
    return path


def known(*names, owner="Net", meant=True):
    return NamedClasses(owner, names, meant)


def numbers(path, *classes):
    return numbered_folders(path, classes).numbers


def test_names_in_any_order_number_the_folders(tmp_path):
    folders(tmp_path, ANIMALS)
    found = numbered_folders(tmp_path, [known("dog", "bee", "cat", "ant")])
    assert found.numbers == {"ant": 3, "cat": 2, "dog": 0}
    assert found.line is None


@pytest.mark.parametrize(
    ("names", "labels", "expected", "printed"),
    [
        (["Cat", "DOG"], ["dog", "cat"], [1, 0], "'Cat' is 'cat', 'DOG' is 'dog'"),
        (["sports_car"], ["van", "sports car"], [1], "'sports_car' is 'sports car'"),
        (["n01440764"], ["x", "n01440764 tench, Tinca tinca"], [1], "is 'n01440764 tench"),
        # The very same name counts before another spelling.
        (["Cat", "cat"], ["cat", "Cat"], [1, 0], None),
    ],
)
def test_another_spelling_is_found_and_reported(tmp_path, names, labels, expected, printed):
    folders(tmp_path, names)
    found = numbered_folders(tmp_path, [known(*labels)])
    assert [found.numbers[name] for name in names] == expected
    if printed is None:
        assert found.line is None
    else:
        assert f"{tmp_path}: class folders were found by name among Net's" in found.line
        assert printed in found.line


@pytest.mark.parametrize(
    ("names", "labels", "words"),
    [
        (["cat", "dog", "hrose"], ["cat", "dog", "horse"],
         r"1 of its 3 class folders has no label of Net: 'hrose' \(nearest label: 'horse'\); name"),
        (["cat", "d", "e"], ["cat", "dog"], r"2 of its 3 class folders have no label of Net: 'd'"),
        (["CAT"], ["cat", "Cat"], "class folder 'CAT' may be 0 'cat' or 1 'Cat' of Net; name"),
        (["Cat", "cat"], ["cat"], "class folders 'Cat' and 'cat' are both 'cat' of Net; merge"),
    ],
)  # fmt: skip
def test_folders_that_fit_in_part_are_refused(tmp_path, names, labels, words):
    folders(tmp_path, names)
    refused(DataError, words, lambda: numbers(tmp_path, known(*labels)))


def test_folders_that_fit_nothing_are_numbered_by_the_alphabet_and_listed(tmp_path):
    folders(tmp_path, ANIMALS)
    found = numbered_folders(tmp_path, [known("x", "y", "z")])
    assert found.numbers == {"ant": 0, "cat": 1, "dog": 2}
    assert found.line == (
        f"{tmp_path}: its class folders are not named as the labels of Net, and are numbered by the"
        " alphabet: 0 'ant', 1 'cat', 2 'dog'"
    )


def test_without_names_the_alphabet_needs_no_line(tmp_path):
    folders(tmp_path, ANIMALS)
    found = numbered_folders(tmp_path)
    assert (list(found.numbers.values()), found.line) == ([0, 1, 2], None)


def test_folders_named_by_numbers_are_listed_where_the_alphabet_differs(tmp_path):
    folders(tmp_path, [str(number) for number in range(11)])
    found = numbered_folders(tmp_path)
    assert found.numbers["10"] == 2
    assert "numbered by the alphabet: 0 '0', 1 '1', 2 '10', 3 '2'" in found.line
    assert numbered_folders(folders(tmp_path / "two", ["0", "1"])).line is None


def test_the_first_network_that_has_all_names_numbers(tmp_path):
    folders(tmp_path, ANIMALS)
    large = known("ant", "cat", "yak", owner="Large", meant=False)
    assert numbers(tmp_path, large, known(*reversed(ANIMALS)))["dog"] == 0


def test_a_few_names_of_another_networks_classes_are_chance(tmp_path):
    folders(tmp_path, ANIMALS)
    other = known("cat", "yak", "owl", owner="Other", meant=False)
    assert numbers(tmp_path, other) == {"ant": 0, "cat": 1, "dog": 2}
    close = known("ant", "cat", "dgo", owner="Close", meant=False)
    refused(DataError, "label of Close: 'dog'", lambda: numbers(tmp_path, close))


def test_samples_have_the_numbers_and_the_line_is_printed(tmp_path, capsys):
    folders(tmp_path, ANIMALS)
    samples = read_samples(tmp_path, known=[known("DOG", "CAT", "ANT")])
    assert [(each.path.parent.name, each.label) for each in samples] == [
        ("ant", 2),
        ("cat", 1),
        ("dog", 0),
    ]
    assert capsys.readouterr().out.count("'ant' is 'ANT'") == 1


def test_the_order_of_another_network():
    made = ClassFolders("set", {"ant": 0, "cat": 1, "dog": 3})
    order = made.order_for(known("dog", "cat", "bee", "ant"))
    assert order.tolist() == [3, 1, -1, 0]
    assert made.order_for(known("x", "y")) is None
    with pytest.raises(DataError, match="have no label of Net"):
        made.order_for(known("dog", "x"))
