"""Numbers of examples whose products are a kernel: Nyström's, exact where all examples are landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import PathkernelError
from .kernels import Gram


@dataclass(frozen=True)
class Features:
    """Features of the rows of a kernel's matrix."""

    #: [rows, rank]: their products are the kernel, as far as the landmarks tell it.
    values: np.ndarray
    #: [landmarks, rank]: what makes features of any row of the kernel, at the landmarks' columns.
    map: np.ndarray
    #: How much of the landmarks' kernel is negative, of the sizes of its eigenvalues. It is left out.
    negative: float

    @classmethod
    def of(cls, gram: Gram, landmarks: np.ndarray) -> Features:
        """Those that some examples give."""
        beside = gram.beside(landmarks)
        width = len(beside) // len(gram.rows)
        own = beside.reshape(-1, width, beside.shape[1])[landmarks].reshape(-1, beside.shape[1])
        eigenvalues, vectors = np.linalg.eigh((own + own.T) / 2)
        # The norm of a matrix of roundings is about the root of its size times theirs: below that nothing is known.
        kept = eigenvalues > gram.precision * len(own) ** 0.5 * eigenvalues[-1]
        if not kept.any():
            raise PathkernelError("the kernel between the landmarks is 0: nothing moved the outputs of these examples")
        turned = vectors[:, kept] / np.sqrt(eigenvalues[kept])
        negative = np.abs(eigenvalues[eigenvalues < 0]).sum() / np.abs(eigenvalues).sum()
        return cls(beside @ turned, turned, float(negative))
