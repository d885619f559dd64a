"""The files of deelish: a network whole, in HDF5 or safetensors."""
