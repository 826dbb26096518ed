"""python -m core data: gets all 70,000 digits of MNIST, verifies them and keeps them."""

from __future__ import annotations

import argparse

from tqdm import tqdm

from core.commands.arguments import explained
from core.data.mnist import default_folder, fetch_mnist


def main(argv: list[str]) -> int:
    """No options; `NUMBERS_DATA` names another folder."""
    argparse.ArgumentParser(prog="python -m core data", description=__doc__).parse_args(argv)

    def command() -> int:
        with tqdm(total=100, unit="%", dynamic_ncols=True) as bar:

            def show(share: float, what: str) -> None:
                bar.set_description_str(what, refresh=False)
                bar.update(max(round(100 * share) - bar.n, 0))

            mnist = fetch_mnist(progress=show)
        print(
            f"{len(mnist.train):,} + {len(mnist.test):,} digits from {mnist.source}, verified, in {default_folder()}"
        )
        return 0

    return explained(command)
