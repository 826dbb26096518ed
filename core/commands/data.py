"""python -m core data: all 70,000 digits of MNIST, fetched, verified and kept; and what other commands do where they cannot be had."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tqdm import tqdm

from core.commands.arguments import OptionalPath, parse
from core.data.mnist import DataUnavailable, Mnist, default_folder, fetch_mnist, load_sample, write_sample


@dataclass(frozen=True)
class Data:
    """Gets all 70,000 digits of MNIST, verifies them and keeps them. NUMBERS_DATA names another folder for them."""

    write_sample: OptionalPath = None
    """draw the bundled sample from them anew, into this file"""

    def __call__(self) -> int:
        """Fetch with a bar."""
        with tqdm(total=100, unit="%", dynamic_ncols=True) as bar:

            def show(share: float, what: str) -> None:
                bar.set_description_str(what, refresh=False)
                bar.update(max(round(100 * share) - bar.n, 0))

            mnist = fetch_mnist(progress=show)
        digits = f"{len(mnist.train):,} + {len(mnist.test):,} digits"
        print(f"{digits} from {mnist.source}, verified, in {default_folder()}")
        if self.write_sample is not None:
            write_sample(mnist, self.write_sample)
            print(f"written: {self.write_sample}")
        return 0


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Data, argv)()


def mnist_or_sample(*, sample: bool = False) -> Mnist:
    """All of MNIST, fetched if need be; where it cannot be had, the bundled sample, and a line that says so.

    With `sample` the sample is what was asked for, and the network is left alone.
    """
    if sample:
        return load_sample()
    try:
        return fetch_mnist(
            progress=lambda share, what: print(f"\r{what} {share:4.0%} ", end="", file=sys.stderr)
        )
    except DataUnavailable as error:
        print(f"{error}\nUsing the bundled sample instead: expect lower scores.", file=sys.stderr)
        return load_sample()
