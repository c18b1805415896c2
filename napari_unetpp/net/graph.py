"""The grid of nodes as integers: wiring, evaluation order, parameters, FLOPs, halo.

Source: Zhou et al., UNet++, DLMIA 2018 (arXiv 1807.10165), section 2 and figure 1, and IEEE TMI 2020
(arXiv 1912.05074), figure 1, which derives UNet++ from the others.
Node X^{i,j} lies in row i (resolution 1/2^i) and column j; X^{i,0} is the encoder. No tensor is touched here.

========================= ====================================== ==================================
architecture              nodes of level d                       X^{i,j} (j > 0) reads
========================= ====================================== ==================================
unetpp                    i + j <= d                             X^{i,0} to X^{i,j-1}, and below
unet-plus                 i + j <= d                             X^{i,j-1}, and below
unet-ensemble             i + j <= d                             X^{i,0}, and below
unet, unet-sum            encoder and i + j = d                  X^{i,0} (summed), and below
flat                      i = 0, j <= d                          X^{i,j-1}
========================= ====================================== ==================================

"Below" is X^{i+1,j-1}. The first three are nested: level d has a head for each depth up to d.
With an encoder (`net.encoder_plan`) X^{i,0} is its stage i for i > 0, and X^{1,0} reads the image; X^{0,0}
stays a node of our own, at full resolution.
"""

from __future__ import annotations

from collections.abc import Iterable

from napari_unetpp._types import PLAIN, NetConfig, Node
from napari_unetpp.net import encoder_plan

KERNEL = 3
CONVS_PER_NODE = 2


def check_level(level: int, depth: int) -> None:
    """Raise ValueError unless `level` is one of 1..depth."""
    if not 1 <= level <= depth:
        raise ValueError(f"level {level} was given, but this network has levels 1 to {depth}")


def nodes(level: int, arch: str = "unetpp") -> tuple[Node, ...]:
    """Nodes of L_level in the order of evaluation.

    Nested networks: one diagonal i + j after the other, each from the encoder node upwards. So the nodes
    of L_d are the first ``(d + 1)(d + 2) / 2`` nodes of any deeper level.
    """
    if arch == "flat":
        return tuple((0, j) for j in range(level + 1))
    if arch in PLAIN:
        return tuple((i, 0) for i in range(level + 1)) + tuple((level - j, j) for j in range(1, level + 1))
    return tuple((diagonal - j, j) for diagonal in range(level + 1) for j in range(diagonal + 1))


def missing(level: int, known: frozenset[Node] | set[Node], arch: str = "unetpp") -> tuple[Node, ...]:
    """Nodes of L_level that are not yet known, in the order of evaluation."""
    return tuple(node for node in nodes(level, arch) if node not in known)


def lean_order(level: int, arch: str = "unetpp") -> tuple[Node, ...]:
    """Nodes of L_level in the order that needs the least memory: encoder, then row by row upwards.

    A row is complete before the row above it starts, so it can be dropped as a whole; the
    heads 1..level become available only while the last row is evaluated.
    """
    return tuple(sorted(nodes(level, arch), key=lambda node: (node[1] > 0, -node[0] * (node[1] > 0), node)))


def releases(order: tuple[Node, ...], arch: str = "unetpp") -> tuple[tuple[Node, ...], ...]:
    """For every node of `order`: the nodes it reads that no later node reads.

    A head has to be evaluated together with its node.
    """
    last = {read: step for step, node in enumerate(order) for read in inputs(node, arch)}
    return tuple(tuple(node for node, at in last.items() if at == step) for step in range(len(order)))


def beside(node: Node, arch: str = "unetpp") -> tuple[Node, ...]:
    """Nodes of its own row that `node` reads: the skip connections."""
    i, j = node
    if j == 0:
        return ()
    if arch == "unetpp":
        return tuple((i, k) for k in range(j))
    return ((i, j - 1),) if arch in ("unet-plus", "flat") else ((i, 0),)


def below(node: Node, arch: str = "unetpp") -> Node | None:
    """The node of the next row that `node` reads, upsampled."""
    i, j = node
    return None if j == 0 or arch == "flat" else (i + 1, j - 1)


def inputs(node: Node, arch: str = "unetpp") -> tuple[Node, ...]:
    """Nodes that `node` reads: the row above for the encoder, else its row and the node below.

    The first stage of an encoder reads the image instead (`reads_image`); X^{0,0} is named all the same, so
    that every network has one order.
    """
    i, j = node
    if j == 0:
        return () if i == 0 else ((i - 1, 0),)
    under = below(node, arch)
    return beside(node, arch) if under is None else (*beside(node, arch), under)


def encoder_stage(node: Node, config: NetConfig) -> encoder_plan.Stage | None:
    """The stage of the encoder that gives `node`; None where the node is our own."""
    i, j = node
    if not config.encoder or j > 0 or i == 0:
        return None
    return encoder_plan.encoder(config.encoder, config.in_channels).stages[i - 1]


def channels(node: Node, config: NetConfig) -> int:
    """Channels of `node`."""
    of_encoder = encoder_stage(node, config)
    return of_encoder[-1].outputs if of_encoder else config.widths[node[0]]


def part_channels(node: Node, config: NetConfig) -> tuple[int, ...]:
    """Channels of each tensor that enters the first convolution of `node`, that from below last."""
    i, j = node
    of_encoder = encoder_stage(node, config)
    if of_encoder:
        return (of_encoder[0].inputs,)
    if j == 0:
        return (config.in_channels if i == 0 else config.widths[i - 1],)
    if config.arch == "unet-sum":
        return (config.widths[i],)
    row = tuple(channels(other, config) for other in beside(node, config.arch))
    return (*row, config.widths[i]) if below(node, config.arch) else row


def in_channels(node: Node, config: NetConfig) -> int:
    """Channels that enter the first convolution of `node`."""
    return sum(part_channels(node, config))


def up_channels(node: Node, config: NetConfig) -> int | None:
    """Channels of the node below, which `node` upsamples; None without one."""
    under = below(node, config.arch)
    return None if under is None else channels(under, config)


def reads_image(node: Node, config: NetConfig) -> bool:
    """Whether `node` is evaluated from the image: X^{0,0}, and the first stage of an encoder."""
    return node == (0, 0) or (bool(config.encoder) and node == (1, 0))


def needs_image(level: int, known: Iterable[Node], config: NetConfig) -> bool:
    """Whether any node of L_level that is not `known` reads the image."""
    return any(reads_image(node, config) for node in missing(level, set(known), config.arch))


def node_parameters(node: Node, config: NetConfig) -> int:
    """Weights and biases of `node`, without normalisation."""
    of_encoder = encoder_stage(node, config)
    if of_encoder:
        return encoder_plan.stage_parameters(of_encoder)
    width = config.widths[node[0]]
    first = KERNEL**2 * in_channels(node, config) * width + width
    second = KERNEL**2 * width * width + width
    under = up_channels(node, config)
    up = 4 * under * width + width if under else 0
    return first + second + up


def parameters(level: int, config: NetConfig) -> int:
    """Parameters of the network pruned to `level`: its nodes and its heads up to `level`."""
    heads = sum(d <= level for d in config.levels) * (config.widths[0] + 1) * config.outputs
    return sum(node_parameters(node, config) for node in nodes(level, config.arch)) + heads


def node_flops(node: Node, config: NetConfig, height: int, width: int) -> int:
    """FLOPs (2 per multiply-add, biases not counted) of `node` for an input of (height, width)."""
    i, _ = node
    height, width = height >> i, width >> i
    of_encoder = encoder_stage(node, config)
    if of_encoder:
        return encoder_plan.stage_flops(of_encoder, height, width)
    own = config.widths[i]
    convolutions = KERNEL**2 * (in_channels(node, config) + own) * own
    # 2x2, stride 2: one tap a pixel
    up = (up_channels(node, config) or 0) * own
    return 2 * height * width * (convolutions + up)


def head_flops(config: NetConfig, height: int, width: int) -> int:
    """FLOPs of one head."""
    return 2 * height * width * config.widths[0] * config.outputs


def flops(level: int, config: NetConfig, height: int, width: int) -> int:
    """FLOPs of a cold forward pass that gives head `level` alone."""
    nested = sum(node_flops(node, config, height, width) for node in nodes(level, config.arch))
    return nested + head_flops(config, height, width)


def halo(level: int, arch: str = "unetpp", encoder: str = "") -> int:
    """Receptive radius of head `level` in pixels: the smallest exact halo.

    A node of row i adds two 3x3 convolutions, 2 * 2^i px. The deepest path goes down the
    encoder and back up: the bottom row once, every other row twice. 2x2 pooling and transposed
    convolution work on aligned grids, which adds an alignment term. Of a published encoder its own
    convolutions and poolings count.
    """
    return max(_radius((0, level), arch, encoder))


def _radius(node: Node, arch: str, encoder: str) -> tuple[int, int]:
    """How far (px of the input) a pixel of `node` sees to the left and to the right of itself."""
    lo, hi = _interval(node, 0, 0, arch, encoder)
    for p in range(1, 2 ** (node[1])):  # the worst phase on the coarse grid
        lo_p, hi_p = _interval(node, p, p, arch, encoder)
        lo, hi = min(lo, lo_p - p), max(hi, hi_p - p)
    return -lo, hi


def _interval(node: Node, lo: int, hi: int, arch: str, encoder: str) -> tuple[int, int]:
    """Input interval read for the interval [lo, hi] of `node`, both on their own grids."""
    i, j = node
    if encoder and j == 0 and i > 0:
        lo, hi = encoder_plan.interval(encoder_plan.encoder(encoder).stages[i - 1], lo, hi)
        return (lo, hi) if i == 1 else _interval((i - 1, 0), lo, hi, arch, encoder)
    lo, hi = lo - CONVS_PER_NODE, hi + CONVS_PER_NODE
    if j == 0:
        return (lo, hi) if i == 0 else _interval((i - 1, 0), 2 * lo, 2 * hi + 1, arch, encoder)
    widest = [_interval(beside(node, arch)[-1], lo, hi, arch, encoder)]
    under = below(node, arch)
    if under is not None:
        widest.append(_interval(under, lo // 2, hi // 2, arch, encoder))
    return min(left for left, _ in widest), max(right for _, right in widest)


def margins(depth: int, arch: str = "unetpp") -> dict[Node, int]:
    """How far around a region (px of its own row) each node must be known for all levels in it to be exact.

    A node reads two pixels further on each side (two 3x3 convolutions): half as many pixels of the row
    below, twice as many of the row above. The margin of a node is enough for all deeper nodes, so that a
    smaller region inside can go deeper later.
    """
    found = {(0, level): 0 for level in range(1, depth + 1)}
    for node in reversed(nodes(depth, arch)):
        reach = found[node] + CONVS_PER_NODE
        for read in inputs(node, arch):
            rows = read[0] - node[0]
            wanted = reach if rows == 0 else -(-reach // 2) if rows > 0 else 2 * reach
            found[read] = max(found.get(read, 0), wanted)
    return found


def aligned_halo(level: int, config: NetConfig) -> int:
    """The halo of `level` rounded up so that tile origins stay on the grid of the deepest row."""
    return -(-halo(level, config.arch, config.encoder) // config.multiple) * config.multiple


def cached_bytes(level: int, config: NetConfig, height: int, width: int, itemsize: int) -> int:
    """Bytes that the nodes of L_level take in the node cache for an input of (height, width)."""
    elements = (
        channels(node, config) * (height >> node[0]) * (width >> node[0])
        for node in nodes(level, config.arch)
    )
    return sum(elements) * itemsize
