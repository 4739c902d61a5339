"""Spectra, alignments and landmarks against closed forms, NumPy, LAPACK and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg.lapack import dpstrf

import pathkernel as pk

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def test_eigenvalues_of_a_circle() -> None:
    """A circulant kernel has the Fourier transform of its first row as eigenvalues."""
    row = np.exp(-np.minimum(np.arange(16), 16 - np.arange(16)) / 3.0)
    kernel = 7.0 * np.array([np.roll(row, shift) for shift in range(16)])
    found = pk.spectrum(kernel)
    expected = np.sort(np.fft.fft(row).real)[::-1]
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-13)
    shares = expected / expected.sum()
    assert found.effective_rank == pytest.approx(np.prod(shares**-shares), rel=1e-12)
    assert found.participation_ratio == pytest.approx(expected.sum() ** 2 / (expected**2).sum(), rel=1e-12)
    assert found.alignment is None and found.negative == 0


def test_ranks_of_equal_eigenvalues() -> None:
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0][:, :5]
    found = pk.spectrum(basis @ basis.T)
    assert found.effective_rank == pytest.approx(5, rel=1e-9) and found.participation_ratio == pytest.approx(
        5, rel=1e-9
    )


def test_spectrum_of_a_result(known: dict[str, pk.Result], data: Data) -> None:
    kernel = known["trace"].kernel
    found = pk.spectrum(known["trace"])
    np.testing.assert_allclose(found.eigenvalues.sum(), 40, rtol=1e-12)
    np.testing.assert_allclose(
        found.eigenvalues[0] * np.diagonal(kernel).mean(), np.linalg.norm((kernel + kernel.T) / 2, 2), rtol=1e-10
    )
    centre = np.eye(40) - 1 / 40
    centred = centre @ ((kernel + kernel.T) / 2) @ centre
    same = centre @ (data[1][:, None] == data[1]).astype(float) @ centre
    expected = (centred * same).sum() / np.sqrt((centred**2).sum() * (same**2).sum())
    assert found.alignment == pytest.approx(expected, rel=1e-12)
    for entries in ("diagonal", "full"):
        np.testing.assert_allclose(pk.spectrum(known[entries]).eigenvalues, found.eigenvalues, atol=1e-12)


def test_several_make_a_list(known: dict[str, pk.Result], data: Data) -> None:
    kernels = [known["trace"].array("tangent_initial"), known["trace"].array("tangent_final")]
    found = pk.spectrum(kernels, targets=data[1])
    assert [one.alignment for one in found] == [
        pk.spectrum(known["trace"], kernel=name).alignment for name in ("tangent_initial", "tangent_final")
    ]


def test_alignment_of_kernels(known: dict[str, pk.Result]) -> None:
    draws = np.random.default_rng(3)
    x, y = draws.normal(size=(30, 4)), draws.normal(size=(30, 3))
    # CKA of linear kernels by features: ‖Yᵀ X‖² / (‖Xᵀ X‖ ‖Yᵀ Y‖), of columns less their means (Kornblith et al. 2019).
    a, b = x - x.mean(0), y - y.mean(0)
    expected = np.linalg.norm(b.T @ a) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    assert pk.alignment(x @ x.T, 5 * y @ y.T) == pytest.approx(expected, rel=1e-12)
    assert pk.alignment(x @ x.T, x @ x.T + 3) == pytest.approx(1, rel=1e-12)
    result = known["trace"]
    between = pk.alignment(result, result, kernel="tangent_initial", other_kernel="tangent_final")
    assert between == pk.alignment(result.array("tangent_initial"), result.array("tangent_final")) and 0 < between < 1
    with pytest.raises(ValueError, match="between the same"):
        pk.alignment(x @ x.T, np.eye(3))


def test_landmarks_are_the_pivots_of_lapack() -> None:
    x = np.random.default_rng(8).normal(size=(25, 10))
    kernel = np.exp(-((x[:, None] - x) ** 2).sum(2) / 8) * np.outer(x[:, 0], x[:, 0])
    factor, pivots, _, _ = dpstrf(kernel, lower=1)
    found = pk.landmarks(kernel, 12)
    np.testing.assert_array_equal(found.examples, pivots[:12] - 1)
    factor = np.tril(factor)[:, :12]
    left = 1 - np.concatenate([[0], np.cumsum((factor**2).sum(0))]) / np.trace(kernel)
    np.testing.assert_allclose(found.left, left, atol=1e-13)


def test_landmarks_by_targets_are_a_pursuit(known: dict[str, pk.Result], onehot: np.ndarray) -> None:
    """Each is the one whose kernel, less what the chosen tell of it, goes best with what they do not fit."""
    kernel = (known["trace"].array("tangent_final") + known["trace"].array("tangent_final").T) / 2
    residual = target = onehot - onehot.mean(0)
    chosen: list[int] = []
    left = [1.0]
    for _ in range(6):
        within, beside = kernel[np.ix_(chosen, chosen)], kernel[:, chosen]
        rest = kernel - beside @ np.linalg.solve(within, beside.T) if chosen else kernel
        own = np.where(np.isin(np.arange(40), chosen), np.inf, np.diagonal(rest))
        chosen.append(int((((rest @ residual) ** 2).sum(1) / own).argmax()))
        fit, *_ = np.linalg.lstsq(kernel[:, chosen], target, rcond=None)
        residual = target - kernel[:, chosen] @ fit
        left.append((residual**2).sum() / (target**2).sum())
    found = pk.landmarks(known["trace"], 6, by="targets", kernel="tangent_final")
    np.testing.assert_array_equal(found.examples, chosen)
    np.testing.assert_allclose(found.left, left, atol=1e-9)


def test_landmarks_end_where_all_is_told() -> None:
    x = np.random.default_rng(2).normal(size=(20, 3))
    found = pk.landmarks(x @ x.T, 20)
    assert len(found.examples) == 3 and found.left[-1] < 1e-14
    with pytest.raises(ValueError, match="at least 1"):
        pk.landmarks(x @ x.T, 0)
    with pytest.raises(ValueError, match='"kernel" or "targets"'):
        pk.landmarks(x @ x.T, 2, by="luck")


def test_what_no_kernel_is() -> None:
    with pytest.raises(ValueError, match=r"\[m, m\]"):
        pk.spectrum(np.ones(3))
    with pytest.raises(pk.PathkernelError, match="no output moved"):
        pk.spectrum(np.zeros((3, 3)))
