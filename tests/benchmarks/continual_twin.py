"""The rows C-EP-1h and C-VF-1h of `c-ep-table` by hand-written JAX: does their test error belong to the method?

    python tests/benchmarks/continual_twin.py FOLDER

trains three seeds of each row for 100 epochs (about ten minutes a seed; seeds that the record already has are kept) and
writes `continual-twins.json` and `continual-twins.md` into the folder, beside physeq's own `c-ep-table.json` there.
Nothing but the data set comes from physeq.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import handwritten
import handwritten_continual
import handwritten_vector_field
import jax
import jax.numpy as jnp
import numpy as np

from physeq.data import load

FREE_STEPS, BATCH, EPOCHS, SEEDS = 40, 20, 100, 3

PAGE = """# Continual updates: physeq beside hand-written JAX

784-512-10 on MNIST, 40 free and 15 nudged steps, |β| = 0.2, batches of 20, constant rates, single precision: the
settings of the rows C-EP-1h (nudge outside, one sign, rates 0.0028 and 0.0056) and C-VF-1h (nudge inside, random sign,
rates 0.0038 and 0.0076, angle 0) of the [table](c-ep-table.md), by physeq and by a program of some fifty lines that
shares nothing with it but the data set. Seeds draw other weights and other mini-batches in the two programs. One step
of both rules is held against NumPy by hand to 1e-13, nudge inside and outside (`tests/unit/learn/test_continual.py`).

```sh
python tests/benchmarks/continual_twin.py FOLDER
```

| row | program | seed | test error %, last epoch | best | median, epochs {late} to {epochs} | range | inside the band |
|---|---|---|---|---|---|---|---|
{lines}

The last column: how many of these epochs end inside the published band, {bands}.
Rate and nudge are constant and the test error goes on to swing, in both programs: the last epoch is one draw of it, and
both programs seldom draw the band.
"""


def _continual_epoch(params: Any, images: Any, labels: Any, order: Any, _: Any) -> Any:
    return handwritten_continual.continual_epoch(params, images, labels, order, nudge="outside")[0]


def _continual_error(params: Any, images: Any, labels: Any) -> Any:
    return handwritten.prototypical_error(params, images, labels, FREE_STEPS)


ROWS: dict[str, tuple[Callable, Callable, Callable]] = {
    "c-ep-1h": (handwritten.prototypical_parameters, _continual_epoch, _continual_error),
    "c-vf-1h": (
        handwritten_vector_field.parameters,
        handwritten_vector_field.epoch,
        handwritten_vector_field.error,
    ),
}


def errors(row: str, seed: int) -> list[float]:
    """Test error % after every epoch."""
    begin, epoch_of, error_of = ROWS[row]
    data = load("mnist")
    images, test_images = (jnp.asarray(x, jnp.float32) for x in (data.train_inputs, data.test_inputs))
    labels, test_labels = (jnp.asarray(y.argmax(1)) for y in (data.train_targets, data.test_targets))
    key = jax.random.key(seed)
    params = begin(jax.random.fold_in(key, 0))
    found = []
    for number in range(1, EPOCHS + 1):
        now = jax.random.fold_in(key, number)
        order = handwritten.minibatches(now, len(images), BATCH)
        params = epoch_of(params, images, labels, order, jax.random.fold_in(now, 1))
        found.append(round(100 * float(error_of(params, test_images, test_labels)), 2))
    return found


def lines(row: str, program: str, curves: dict[int, list[float]], band: tuple[float, float]) -> list[str]:
    """A line of the table for every curve."""
    found = []
    for seed, curve in sorted(curves.items()):
        late = np.asarray(curve[EPOCHS // 2 :])
        number = f"{curve[-1]:.2f} | {min(curve):.2f} | {np.median(late):.2f} | {late.min():.2f} to {late.max():.2f}"
        inside = ((late >= band[0]) & (late <= band[1])).sum()
        found.append(f"| {row} | {program} | {seed} | {number} | {inside} of {late.size} |")
    return found


def main(folder: Path) -> None:
    """Train what is missing and write record and page."""
    record = folder / "continual-twins.json"
    twins = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    for row in ROWS:
        for seed in map(str, range(SEEDS)):
            if seed not in twins.setdefault(row, {}):
                twins[row][seed] = errors(row, int(seed))
                record.write_text(json.dumps(twins, separators=(",", ":")) + "\n", encoding="utf-8")
                print(row, "seed", seed, "last", twins[row][seed][-1], flush=True)
    table = json.loads((folder / "c-ep-table.json").read_text(encoding="utf-8"))
    ours = {r["name"]: {e["seed"]: e["curve"] for e in r["entries"]} for r in table["rows"]}
    bands = {
        r["name"]: (round(r["published"] - r["band"], 6), round(r["published"] + r["band"], 6))
        for r in table["rows"]
        if r["name"] in ROWS
    }
    found = []
    for row, curves in twins.items():
        found += lines(row, "physeq", {k: v for k, v in ours[row].items() if len(v) == EPOCHS}, bands[row])
        found += lines(row, "hand-written", {int(k): v for k, v in curves.items()}, bands[row])
    words = " and ".join(f"{low:.1f} to {high:.1f} % for {row}" for row, (low, high) in bands.items())
    page = PAGE.format(late=EPOCHS // 2 + 1, epochs=EPOCHS, lines="\n".join(found), bands=words)
    (folder / "continual-twins.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
