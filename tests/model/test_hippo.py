import numpy as np
import pytest

from rfssm.model import hippo


@pytest.mark.parametrize(("n", "largest"), [(4, 4.603), (16, 80.97), (32, 325.4)])
def test_largest_frequency_of_a_block(n: int, largest: float) -> None:
    values, _ = hippo.eigenvalues(n)
    assert values.imag.max() == pytest.approx(largest, rel=2e-4)


def test_block_of_four_has_two_frequencies_of_either_sign() -> None:
    values, _ = hippo.eigenvalues(4)
    assert np.allclose(values.imag, [-4.603, -0.557, 0.557, 4.603], atol=5e-4)


@pytest.mark.parametrize("n", [1, 2, 4, 16, 64])
def test_every_real_part_is_minus_one_half(n: int) -> None:
    values, _ = hippo.eigenvalues(n)
    assert len(values) == n
    assert np.allclose(values.real, -0.5, atol=1e-12)


@pytest.mark.parametrize("n", [2, 4, 16])
def test_eigenvectors_diagonalise_the_matrix_and_are_unitary(n: int) -> None:
    values, vectors = hippo.eigenvalues(n)
    assert np.allclose(vectors @ vectors.conj().T, np.eye(n))
    assert np.allclose(vectors @ np.diag(values) @ vectors.conj().T, hippo.normal_legs(n))
