"""A CNI program on the host that waits at a gate: for what happens while a plugin takes its time, or hangs."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

from tests.support.wait import until

PROGRAM = """\
#!/bin/sh
cat > /dev/null
echo $$ > {folder}/pid-$CNI_CONTAINERID
echo "$CNI_COMMAND" >> {folder}/came
while [ -e {folder}/hold-$CNI_COMMAND ]; do sleep 0.02; done
[ "$CNI_COMMAND" = ADD ] && echo '{{"cniVersion":"1.0.0","interfaces":[],"ips":[]}}'
exit 0
"""


class Gate:
    """The type ``gate``, in a folder with the reference's plugins. At first it holds up ADD."""

    def __init__(self, folder: Path, peers: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for file in peers.iterdir():
            (folder / file.name).symlink_to(file)
        self._private = folder / "gate.d"
        self._private.mkdir()
        self._came = self._private / "came"
        program = folder / "gate"
        program.write_text(PROGRAM.format(folder=self._private))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.hold("ADD")

    def hold(self, verb: str) -> None:
        (self._private / f"hold-{verb}").touch()

    def open(self) -> None:
        """Whoever waits goes on, and whoever comes passes."""
        for file in self._private.glob("hold-*"):
            file.unlink()

    def visits(self) -> list[str]:
        """The verbs that came, in order."""
        return self._came.read_text().split() if self._came.exists() else []

    def wait_for(self, *verbs: str) -> None:
        """Return when these have come, and no other."""
        until(lambda: self.visits() == list(verbs), seconds=20, what=f"{' '.join(verbs)} to reach the gate")

    def pid(self, container_id: str) -> int:
        """Of the program that was last called for that container."""
        return int((self._private / f"pid-{container_id}").read_text())

    def kill(self, container_id: str) -> None:
        os.kill(self.pid(container_id), signal.SIGKILL)
