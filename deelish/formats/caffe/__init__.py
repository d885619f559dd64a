"""Caffe's files, read and written without Caffe: .caffemodel, and .prototxt for writing."""

from deelish.formats.caffe.prototxt import prototxt as prototxt
from deelish.formats.caffe.read import CaffeLayer as CaffeLayer
from deelish.formats.caffe.read import ParsedNet as ParsedNet
from deelish.formats.caffe.read import read_net as read_net
from deelish.formats.caffe.read import weights_of as weights_of
from deelish.formats.caffe.rows import rows_of as rows_of
from deelish.formats.caffe.write import caffemodel_bytes as caffemodel_bytes
