"""The wheel's build hook (hatchling): compile the shim for both machines and put it into the wheel.

A wheel with both is `py3-none-any`: what is Python in it runs anywhere, and either kind of node finds its shim.
A wheel that has only this machine's, because no compiler for the other was there, is tagged for this machine.
MULTINET_SHIM_ARCHS=x86_64,aarch64 names the ones that must be there. An editable install has none: its shim is
what `make shim` puts into .cache.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShimHook(BuildHookInterface[Any]):
    """Found by hatchling as the one hook in this file."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        build = _load(Path(self.root, "multinet", "shim", "build.py"))
        wanted = os.environ.get("MULTINET_SHIM_ARCHS", "").replace(",", " ").split()
        must = {build.machine_named(name) for name in wanted} or {build.native()}
        made = []
        for machine in build.MACHINES:
            file = Path(self.root, ".cache", "shim", f"multinet-shim-{machine}")
            try:
                compiler = build.build(machine, file)
            except build.CannotBuild as error:
                if machine in must:
                    raise
                self.app.display_warning(f"{error}\nThe wheel will have none for {machine}.")
                continue
            self.app.display_info(f"shim for {machine}: {file.stat().st_size} bytes, by {' '.join(compiler)}")
            build_data["force_include"][str(file)] = f"multinet/shim/bin/{file.name}"
            made.append(machine)
        if len(made) < len(build.MACHINES):
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-linux_{made[0]}"


def _load(file: Path) -> Any:
    """By its path: what is being built is not installed yet."""
    spec = importlib.util.spec_from_file_location("multinet_shim_build", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
