#!/usr/bin/env python3
"""pathkernel beside torch.func: the full tangent kernel of two networks, in both ways of PyTorch's tutorial on it.

python benches/peers/torch_func.py            times both
python benches/peers/torch_func.py --check    compares the kernels of a few examples
"""

import common


def main():
    options = common.start(common.TORCH, common.kernel_arguments(__doc__))

    import torch
    from torch.func import functional_call, jacrev, jvp, vjp, vmap

    import networks

    torch.set_num_threads(options.threads)

    def module(layer, width):
        """A layer as a module, and the width after it."""
        if layer["type"] == "linear":
            return torch.nn.Linear(width, layer["features"]), layer["features"]
        if layer["type"] == "conv2d":
            sizes = (layer["kernel"], layer["stride"], layer["padding"])
            return torch.nn.Conv2d(width, layer["channels"], *sizes), layer["channels"]
        others = {"tanh": torch.nn.Tanh, "flatten": torch.nn.Flatten}
        if layer["type"] == "avg_pool2d":
            return torch.nn.AvgPool2d(layer["kernel"]), width
        return others[layer["type"]](), width

    def network(case):
        modules, width = [], case.input[0]
        for layer in case.layers:
            made, width = module(layer, width)
            modules.append(made)
        return torch.nn.Sequential(*modules)

    def implementations(case, weights, queries, examples):
        net = network(case)
        parameters = {name: torch.from_numpy(array) for name, array in weights.items()}
        x1, x2 = torch.from_numpy(queries), torch.from_numpy(examples)

        def single(parameters, x):
            return functional_call(net, parameters, (x.unsqueeze(0),)).squeeze(0)

        def jacobian_contraction():
            jacobians = (
                [j.flatten(2) for j in vmap(jacrev(single), (None, 0))(parameters, x).values()] for x in (x1, x2)
            )
            return sum(torch.einsum("naf,mbf->nmab", ours, theirs) for ours, theirs in zip(*jacobians))

        def vector_products():
            def entry(x, y):
                output, pull = vjp(lambda p: single(p, x), parameters)

                def row(basis):
                    return jvp(lambda p: single(p, y), (parameters,), pull(basis))[1]

                return vmap(row)(torch.eye(len(output)))

            return vmap(vmap(entry, (None, 0)), (0, None))(x1, x2)

        return {"ntk vector products": vector_products, "jacobian contraction": jacobian_contraction}

    networks.compare(f"torch.func {torch.__version__}", {"torch": torch.__version__}, implementations, options)


main()
