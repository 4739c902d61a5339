"""How ATen's operators become layers, by what they are about. Importing this registers all of them."""

from . import activations, arithmetic, attention, images, indexing, norms, products, recurrent, shapes

__all__ = ["activations", "arithmetic", "attention", "images", "indexing", "norms", "products", "recurrent", "shapes"]
