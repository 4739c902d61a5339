"""What is nearest to operators that no kind of layer is."""

KINDS_OF_STEP = "steps have no gradient; relu, sigmoid or hardtanh do the like"
CHANCE = "numbers drawn inside the module are not known; `dropout` is the only kind that draws"
ORDER = "order among trained values is not followed; max_pool takes the largest"

NEAREST: dict[str, str] = {
    **dict.fromkeys(
        ["sign", "gt", "lt", "ge", "le", "eq", "ne", "floor", "ceil", "round", "trunc", "heaviside"], KINDS_OF_STEP
    ),
    **dict.fromkeys(
        [
            "randn",
            "randn_like",
            "rand",
            "rand_like",
            "bernoulli",
            "normal",
            "randint",
            "multinomial",
            "normal_functional",
            "randperm",
            "rrelu",
        ],
        CHANCE,
    ),
    **dict.fromkeys(["sort", "argsort", "topk", "argmax", "argmin", "median", "kthvalue", "unique"], ORDER),
    **dict.fromkeys(["conv3d", "max_pool3d", "avg_pool3d", "conv_transpose3d"], "conv2d and its pools are the nearest"),
    **dict.fromkeys(["erf", "erfc", "erfinv"], "gelu, x (1 + erf(x / √2)) / 2, and tanh are the nearest"),
    **dict.fromkeys(["fft_fft", "fft_rfft", "fft_fft2", "fft_rfft2", "stft"], "matmul with a constant is the nearest"),
    **dict.fromkeys(
        ["detach", "stop_gradient"], "gradients stop here; freeze tensors by requires_grad_(False) instead"
    ),
    "item": "a value becomes a number of Python here, and control flow or sizes depend on it",
    "local_scalar_dense": "a value becomes a number of Python here, and control flow or sizes depend on it",
    "nonzero": "the number of results depends on the values of the inputs",
    "masked_select": "the number of results depends on the values of the inputs; masked_fill keeps them all",
    "embedding_bag": "embedding, then mean or sum, is the nearest",
    "linalg_inv": "there is no kind for the algebra of matrices but matmul",
}
