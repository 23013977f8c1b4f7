"""Random networks of resistors and diodes as netlists, connected and grounded, of any size."""

import numpy as np


def random_network(nodes: int, seed: int = 0) -> str:
    """A netlist of `nodes` nodes beside ground: a random tree of resistors, half as many more of them, diodes, sources.

    Every node reaches ground through resistors, so that the operating point is unique.
    """
    draw = np.random.default_rng(seed)
    lines = [f"random network of {nodes} nodes, seed {seed}"]
    count = 0

    def resistor(a: int, b: int) -> None:
        nonlocal count
        count += 1
        lines.append(f"R{count} {a} {b} {10 ** draw.uniform(2, 4):.6g}")

    for node in range(1, nodes + 1):
        resistor(node, int(draw.integers(max(0, node - 20), node)))
    for _ in range(nodes // 2):
        a, b = draw.choice(nodes + 1, 2, replace=False)
        resistor(int(a), int(b))
    for k in range(max(1, nodes // 3)):
        a, b = draw.choice(nodes + 1, 2, replace=False)
        lines.append(f"D{k + 1} {a} {b} d{draw.integers(2)}")
    for k in range(max(1, nodes // 20)):
        lines.append(f"I{k + 1} 0 {draw.integers(1, nodes + 1)} {draw.uniform(-5, 5):.6g}m")
    lines.append(f"V1 src 0 {draw.uniform(1, 10):.6g}")
    lines.append("Rsrc src 1 100")
    lines += [".model d0 D(IS=1e-14)", ".model d1 D(IS=1e-9 N=1.8)", ".op", ".end"]
    return "\n".join(lines) + "\n"
