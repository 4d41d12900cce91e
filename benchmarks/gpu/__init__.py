"""What tools/gpu_check.sh runs: kernels swept and repeated, steps timed, networks trained, on a GPU.

``--rehearse`` runs the same code on device ``emu``, small, to find its mistakes without a GPU.
"""
