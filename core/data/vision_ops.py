"""Imports modules of torchvision, even beside a torch of another build.

A torchvision built for CUDA cannot load its C++ operators beside a CPU build of torch, and its import then
stops at `operator torchvision::nms does not exist`. Its pure-Python parts (datasets, transforms.v2, utils)
need none of them, so the missing schemas are declared and the import is tried again. On matching builds
nothing of the kind happens. All of `core` imports torchvision through here, so that no module depends on
which came first.
"""

import importlib
import sys
from types import ModuleType

_MISSING = ("nms", "qnms")
_declared: list[object] = []  # torch withdraws a schema when its Library is collected


def import_torchvision(part: str = "") -> ModuleType:
    """Imports torchvision, or a part of it such as `"datasets"` or `"transforms.v2"`.

    Raises ImportError when it is not installed, and lets any other failure of its import through.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error) or _declared:
            raise
        _declare_missing_operators()
        importlib.import_module("torchvision")
    return importlib.import_module(f"torchvision.{part}" if part else "torchvision")


def _declare_missing_operators() -> None:
    import torch

    # The failed import leaves some of its modules behind, and a second one would skip those.
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    _declared.append(library)
    for operator in _MISSING:
        if not hasattr(torch.ops.torchvision, operator):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
