"""Kernel machines on the kernels of a run: fitted, studied, and made small."""
