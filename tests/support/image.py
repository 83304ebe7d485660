"""A container image of a few programs, made by hand: a tar that `ctr images import` takes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from deploy.image.archive import PROGRAM, Layer, archive, tar_of_files


def image(name: str, programs: Mapping[str, bytes], entrypoint: Sequence[str]) -> bytes:
    """One layer with these programs."""
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    layer = Layer.of(tar_of_files(programs, mode=PROGRAM))
    return archive(name, architecture, [layer], {"Entrypoint": list(entrypoint)})
