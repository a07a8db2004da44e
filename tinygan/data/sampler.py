"""Shuffled batches whose place can be saved and found again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


class BatchSampler:
    """Deals out the indices 0 .. size - 1 in shuffled batches, a new order every epoch.

    ``for indices in sampler`` yields the batches left in the current epoch, int64
    (batch_size,) each, and then moves on to the next epoch. With ``drop_last`` the few indices
    that fill no batch are left out of the epoch; without, they make a shorter last batch.

    epoch: the current epoch, from 0. cursor: batches already taken in it; a batch counts as
    taken once it is yielded. The order of an epoch depends on the seed and the epoch alone, so
    these two numbers are all that a resumed run needs.

    Raises ValueError when an argument is too small, or no batch can be filled.
    """

    def __init__(self, size: int, batch_size: int, seed: int, drop_last: bool = True) -> None:
        if size < 1:
            raise ValueError(f"size is {size}; expected 1 or more")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; expected 1 or more")
        if seed < 0:
            raise ValueError(f"seed is {seed}; expected 0 or more")
        if drop_last and batch_size > size:
            raise ValueError(
                f"batch_size is {batch_size}; expected at most the size, {size}, with drop_last"
            )
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        self.cursor = 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(self.size, self.batch_size)
        return full if self.drop_last or rest == 0 else full + 1

    def __iter__(self) -> Iterator[np.ndarray]:
        epoch = self.epoch
        keyed = np.random.Philox(np.random.SeedSequence([self.seed, epoch]))
        order = np.random.Generator(keyed).permutation(self.size)
        while self.cursor < len(self):
            start = self.cursor * self.batch_size
            self.cursor += 1
            yield order[start : start + self.batch_size]
            if self.epoch != epoch:
                raise RuntimeError(
                    f"the sampler went from epoch {epoch} to {self.epoch} during this loop; "
                    "use one loop at a time, and load a state between loops"
                )
        self.epoch, self.cursor = epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """The place in the sequence of batches, and the arguments it belongs to."""
        return {**self._arguments(), "epoch": self.epoch, "cursor": self.cursor}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to the place that `state_dict` returned.

        Raises ValueError when the state belongs to a sampler with other arguments, or names no
        place in it; the sampler is then unchanged.
        """
        expected = {*self._arguments(), "epoch", "cursor"}
        if set(state) != expected:
            raise ValueError(f"state has the keys {sorted(state)}; expected {sorted(expected)}")
        for name, own in self._arguments().items():
            if state[name] != own:
                raise ValueError(f"state has {name} {state[name]}; this sampler has {own}")
        if state["epoch"] < 0:
            raise ValueError(f"state has epoch {state['epoch']}; expected 0 or more")
        if not 0 <= state["cursor"] <= len(self):
            raise ValueError(f"state has cursor {state['cursor']}; expected 0 to {len(self)}")
        self.epoch, self.cursor = int(state["epoch"]), int(state["cursor"])

    def _arguments(self) -> dict[str, int]:
        return {
            "size": self.size,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "drop_last": int(self.drop_last),
        }
