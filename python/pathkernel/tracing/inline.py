"""Regions without gradients, with autocast or with checkpoints, put back into the graph around them."""

from __future__ import annotations

import operator
from typing import Any

from torch import fx

#: How many arguments stand before the region's graph.
REGIONS = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4, "tag_activation_checkpoint": 0}


def inline_regions(module: fx.GraphModule) -> fx.GraphModule:
    """The same graph, in which no region is a graph of its own. Nodes of a region without gradients are marked so."""
    while regions := [node for node in module.graph.nodes if region_of(node)]:
        for node in regions:
            inline(module, node)
    return module


def region_of(node: fx.Node) -> str | None:
    name = getattr(node.target, "__name__", "")
    return name if node.op == "call_function" and name in REGIONS else None


def inline(module: fx.GraphModule, region: fx.Node) -> None:
    """Puts the nodes of one region in its place."""
    name = region_of(region)
    assert name
    first = REGIONS[name]
    stops = name == "wrap_with_set_grad_enabled" and not region.args[0] or "no_grad" in region.meta
    inner = getattr(module, str(region.args[first].target))  # type: ignore[union-attr]
    values: dict[fx.Node, Any] = {}
    given = iter(region.args[first + 1 :])
    result: Any = None
    with module.graph.inserting_before(region):
        for node in inner.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(given)
            elif node.op == "output":
                result = fx.map_arg(node.args[0], lambda old: values[old])
            else:
                values[node] = copied(module, inner, node, values)
                if stops:
                    values[node].meta["no_grad"] = True
    for user in list(region.users):
        if user.target is operator.getitem:
            user.replace_all_uses_with(result[user.args[1]])
            module.graph.erase_node(user)
    if region.users:
        region.replace_all_uses_with(result)
    module.graph.erase_node(region)


def copied(module: fx.GraphModule, inner: fx.GraphModule, node: fx.Node, values: dict[fx.Node, Any]) -> fx.Node:
    """A node of a region in the graph around it; what it names moves along."""
    copy = module.graph.node_copy(node, lambda old: values[old])
    if node.op == "get_attr":
        name = f"{node.target}_of_{len(module.graph.nodes)}".replace(".", "_")
        setattr(module, name, getattr(inner, str(node.target)))
        copy.target = name
    return copy
