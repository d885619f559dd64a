"""Of an ensemble each member is cached by itself, so that it serves other ensembles too."""

import numpy as np
from helpers import small, trained, write_set

from deelish import BatchTrain, Deel, Ensemble, InputBatch
from deelish.distillation.teacher_cache.folder import logits_files
from deelish.distillation.teacher_cache.header import CacheHeader


def test_members_are_cached_and_their_mean_is_not(folder, tmp_path):
    images = write_set(tmp_path, "train", 12)
    with Deel(seed=1):
        InputBatch(images, batch_size=4)
        first, second = (trained(small(name)) for name in ("First", "Second"))
        both, student = Ensemble(first, second, name="Both"), small("Student")
        InputBatch(images, batch_size=4, views=1)
        seen = []

        def workout(x, t):
            mean = both.batch_feature(x).value
            halves = [member.batch_feature(x).value.astype(float) for member in (first, second)]
            # Not rounded to half precision once more.
            np.testing.assert_allclose(mean, np.mean(halves, axis=0), rtol=1e-6, atol=1e-7)
            seen.append(len(x))
            student.classify(x)
            return student.backprop(t)

        BatchTrain(workout, epochs=2)
    assert sum(seen) == 24
    headers = [file.header for file in logits_files(folder)]
    assert all(isinstance(header, CacheHeader) for header in headers)
    assert sorted(header.teacher for header in headers) == ["First", "Second"]
