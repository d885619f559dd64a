"""A network as data: named layers in Caffe's vocabulary, checked when the plan is made."""

from deelish.plan.kind import Blob as Blob
from deelish.plan.layer import Layer as Layer
from deelish.plan.plan import Plan as Plan
