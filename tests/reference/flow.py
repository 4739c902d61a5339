"""Gradient flow dw/dt = -∇L(w), and every integral along it, as one system of ordinary differential equations."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

TOLERANCE = {np.float64: 1e-13, np.float32: 1e-6}


def flow(case, totals):
    """Fills in the totals of a run of gradient flow -> the last weights.

    Besides the weights the state holds ∫ Θ dt, its share of each example's loss gradient, and how far each
    example moved the weights. All are accurate to the solver's tolerance, which is far below the run file's.
    """
    shares = case.shares(*case.batch_counts(0))
    shapes = [case.w0.shape, totals.kernel.shape, totals.moved.shape, totals.travelled.shape]
    cuts = np.cumsum([int(np.prod(s)) for s in shapes])

    @jax.jit
    def slope(z):
        w = z[: cuts[0]].astype(case.dtype)
        example, _ = case.jacobian(w, case.x)
        query, _ = case.query_gradient(w, case.xq, case.yq)
        dloss = shares[:, None] * case.loss_gradient(case.outputs(w, case.x), case.y)
        theta = jnp.stack([jnp.einsum("qrp,idp->qird", query[:, :, s], example[:, :, s]) for s in case.layer_slices])
        pull = -jnp.einsum("icp,ic->ip", example, dloss)
        parts = [pull.sum(axis=0), theta, -theta * dloss[:, None, :], pull]
        return jnp.concatenate([p.ravel() for p in parts]).astype(float)

    start = np.zeros(cuts[-1])
    start[: cuts[0]] = case.w0
    tolerance = TOLERANCE[case.dtype]
    time = case.training["optimizer"]["time"]
    solved = solve_ivp(
        lambda _, z: np.asarray(slope(z)), (0.0, time), start, method="DOP853", rtol=tolerance, atol=tolerance
    )
    assert solved.success, solved.message
    parts = [part.reshape(shape) for part, shape in zip(np.split(solved.y[:, -1], cuts[:-1]), shapes)]
    last, totals.kernel, totals.moved, totals.travelled = parts
    totals.attribution = totals.moved.sum(axis=-1)
    return last.astype(case.dtype)
