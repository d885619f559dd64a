"""The numbers of a training that `deelish new` chooses."""

import pytest

from deelish.cli.experiment.settings import Settings, settings


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (20, Settings(8, 300, 16, 1e-3)),
        (78, Settings(8, 192, 16, 1e-3)),
        (200, Settings(32, 75, 16, 1e-3)),
        (5_000, Settings(32, 30, 3, 1e-3)),
        (1_000_000, Settings(32, 30, 2, 1e-3)),
    ],
)
def test_few_images_are_shown_more_often(images, expected):
    assert settings(images, pretrained=False) == expected


def test_published_weights_move_less_and_a_gpu_takes_more():
    made = settings(5_000, pretrained=True, gpu=True)
    assert (made.lr, made.batch_size) == (3e-4, 128)


def test_no_view_is_prepared_that_no_epoch_shows():
    made = settings(78, pretrained=False, epochs=3)
    assert (made.epochs, made.views) == (3, 3)
