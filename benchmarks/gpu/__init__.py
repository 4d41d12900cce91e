"""What tools/gpu_check.sh runs on a GPU: kernels swept and repeated, steps timed, trainings.

``--rehearse`` runs the same code on device ``emu``, small, to find its mistakes without a GPU.
"""
