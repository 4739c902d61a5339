#!/usr/bin/env python3
"""pathkernel beside neural-tangents: the full tangent kernel of two networks, by all three of its implementations.

python benches/peers/neural_tangents.py            times both
python benches/peers/neural_tangents.py --check    compares the kernels of a few examples
"""

import common

ENVIRONMENT = common.Environment(
    name="neural-tangents",
    packages=(
        "jax==0.4.23",
        "jaxlib==0.4.23",
        "numpy==1.26.4",
        "scipy==1.11.4",
        "frozendict==2.4.7",
        # neural-tangents imports it, though nothing here calls it.
        "tensorflow-cpu==2.15.1",
        "dm-tree==0.1.8",
    ),
    # These two ask for the full tensorflow, of which the smaller build above is enough.
    alone=("neural-tangents==0.6.5", "tf2jax==0.3.6"),
    newest_python=(3, 11),
)


def main():
    options = common.start(ENVIRONMENT, common.kernel_arguments(__doc__))

    import jax
    import jax.numpy as jnp
    import neural_tangents as nt

    import networks

    def forward(case):
        """The network as a function of JAX, images with their channels last."""

        def apply(parameters, x):
            for index, layer in enumerate(case.layers):
                if layer["type"] == "linear":
                    x = x @ parameters[index][0] + parameters[index][1]
                elif layer["type"] == "conv2d":
                    padding = [(layer["padding"],) * 2] * 2
                    strides = (layer["stride"],) * 2
                    dimensions = ("NHWC", "HWIO", "NHWC")
                    x = jax.lax.conv_general_dilated(
                        x, parameters[index][0], strides, padding, dimension_numbers=dimensions
                    )
                    x = x + parameters[index][1]
                elif layer["type"] == "tanh":
                    x = jnp.tanh(x)
                elif layer["type"] == "avg_pool2d":  # over all positions, so that nothing is left to flatten
                    x = x.mean((1, 2))
            return x

        return apply

    def parameters_of(weights):
        """Weights and biases by layer, in JAX's layouts."""
        order = {2: (1, 0), 4: (2, 3, 1, 0)}
        return {
            int(name.split(".")[0]): (
                jnp.asarray(weight.transpose(order[weight.ndim])),
                jnp.asarray(weights[name.replace("weight", "bias")]),
            )
            for name, weight in weights.items()
            if name.endswith("weight")
        }

    def implementations(case, weights, queries, examples):
        parameters = parameters_of(weights)
        x1, x2 = (jnp.asarray(np_x if np_x.ndim == 2 else np_x.transpose(0, 2, 3, 1)) for np_x in (queries, examples))

        def prepared(implementation):
            # vmap_axes=0 says that no example depends on another, without which two of the three do needless work.
            kernel = nt.empirical_ntk_fn(
                forward(case), trace_axes=(), diagonal_axes=(), vmap_axes=0, implementation=implementation
            )
            compiled = jax.jit(kernel).lower(x1, x2, parameters).compile()
            return lambda: compiled(x1, x2, parameters).block_until_ready()

        return {choice.name.lower().replace("_", " "): prepared(choice) for choice in CHOICES}

    CHOICES = [
        nt.NtkImplementation.STRUCTURED_DERIVATIVES,
        nt.NtkImplementation.NTK_VECTOR_PRODUCTS,
        nt.NtkImplementation.JACOBIAN_CONTRACTION,
    ]
    versions = {"jax": jax.__version__}
    networks.compare(f"neural-tangents {nt.__version__}", versions, implementations, options)


main()
