"""The language: the session, its verbs, and the layer types and Caffe nets of a script's own."""
