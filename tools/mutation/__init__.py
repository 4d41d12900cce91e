"""The parts of tools/mutate_kernels.py."""
