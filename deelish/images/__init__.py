"""Images: lists, decoding, views, batches and preprocessing; torch resizes them."""

from deelish.images.apart import check_apart as check_apart
from deelish.images.batch import ImageBatch as ImageBatch
from deelish.images.class_folders import class_folders as class_folders
from deelish.images.decoding.decode import decode as decode
from deelish.images.decoding.decode import to_rgb as to_rgb
from deelish.images.lists import check_labels as check_labels
from deelish.images.lists import read_samples as read_samples
from deelish.images.loader import Loader as Loader
from deelish.images.pixels import from_array as from_array
from deelish.images.sample import Sample as Sample
from deelish.images.samples import Samples as Samples
from deelish.images.views.view import View as View
from deelish.plan.preprocessing import Preprocessing as Preprocessing
from deelish.plan.rendering import Rendering as Rendering
