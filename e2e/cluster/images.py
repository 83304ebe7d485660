"""The image that pods of scenarios run: Debian's static busybox, packed without an engine."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from deploy.image.archive import Layer, archive, tar_of_tree
from e2e.cluster.driver import BUSYBOX
from tests.support.debian import UNPACKED

PROGRAM: Final = UNPACKED / "busybox-static" / "bin" / "busybox"
COMMANDS: Final = ("cat", "ip", "ls", "nc", "ping", "sh", "sleep")

SERVER: Final = """\
#!/bin/sh
trap 'exit 0' TERM
nc -ll -p 8000 -e /bin/cat &
while :; do sleep 3600 & wait $!; done
"""
"""What a pod's container runs: it says back whatever is said to port 8000, and ends as soon as it is told to."""


def busybox(file: Path) -> Path:
    """Write the image there, as `docker save` does it."""
    with TemporaryDirectory() as tree:
        programs = Path(tree) / "bin"
        programs.mkdir()
        for name, data in (("busybox", PROGRAM.read_bytes()), ("serve", SERVER.encode())):
            (programs / name).write_bytes(data)
            (programs / name).chmod(0o755)
        for name in COMMANDS:
            (programs / name).symlink_to("busybox")
        layer = Layer.of(tar_of_tree(Path(tree)))
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    config = {"Entrypoint": ["/bin/serve"], "Env": ["PATH=/bin"]}
    file.write_bytes(archive(BUSYBOX, architecture, [layer], config))
    return file
