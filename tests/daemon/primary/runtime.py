"""The runtime's folder, a clock that stands still, and the settings of an agent for both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from multinet.config import Settings

OURS = "00-multinet.conflist"
ANNOTATIONS = "io.kubernetes.cri.pod-annotations"


def conflist(name: str, *types: str, capabilities: dict[str, bool] | None = None, **more: Any) -> str:
    plugins = [{"type": type_, "capabilities": capabilities or {}} for type_ in types or ("ptp",)]
    return json.dumps({"cniVersion": "1.0.0", "name": name, "plugins": plugins, **more})


class Folder:
    """The runtime's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """As careful writers do: whole, by renaming."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".tmp")
        unfinished.write_text(text)
        return unfinished.rename(path)

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def ours(self) -> dict[str, Any]:
        return json.loads((self.path / OURS).read_text())

    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir())


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def read(folder: Folder, tmp_path: Path, agent: dict[str, Any] | None = None, **settings: Any) -> Settings:
    conf = {"stateDir": str(tmp_path / "state"), **settings}
    conf["agent"] = {"cniConfDir": str(folder.path), **(agent or {})}
    return Settings.parse(conf, primary_is_found=True, environ={})
