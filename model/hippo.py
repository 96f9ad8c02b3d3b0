"""HiPPO-LegS initialisation: eigenvalues and eigenvectors of the matrix that remembers a signal.

The LegS matrix plus the rank-one term P Pᵀ, P_k = sqrt(k + 1/2), is normal: its eigenvalues are
well conditioned and all have the real part -1/2.  Both conjugate halves are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normal_legs(n: int) -> NDArray[np.float64]:
    """The LegS matrix of order n, made normal by its rank-one term.    (n, n)"""
    k = np.arange(n)
    root = np.sqrt(1 + 2 * k)
    legs = np.diag(k.astype(np.float64)) - np.tril(np.outer(root, root))
    rank_one = np.sqrt(k + 0.5)
    return legs + np.outer(rank_one, rank_one)


def eigenvalues(n: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Eigenvalues and unitary eigenvectors of the normal LegS matrix.    (n,), (n, n)

    The matrix is -1/2 plus a skew-symmetric part, so a Hermitian solver gives the frequencies.

    >>> np.round(eigenvalues(4)[0], 3).tolist()
    [(-0.5-4.603j), (-0.5-0.557j), (-0.5+0.557j), (-0.5+4.603j)]
    """
    matrix = normal_legs(n)
    frequency, vectors = np.linalg.eigh(-1j * (matrix - np.diag(np.diag(matrix))))
    return np.diag(matrix).mean() + 1j * frequency, vectors
