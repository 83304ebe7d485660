"""The configuration that the runtime is given: a file of the user's, or one that needs nothing but a bridge.

It is one plugin, ``multinet``. Whatever names a place on the node is the sandbox's to say, so that nothing is
kept anywhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from multinet import yamls
from multinet.cli.sandbox.ledger import Ledger
from multinet.cni.netconf import NetConfList
from multinet.errors import DecodingFailure, InvalidConfig, IOFailure, inside

FILE = "multinet.conf"
"""Looked for beside the manifests."""

BUILT_IN: Mapping[str, Any] = {
    "cniVersion": "1.1.0",
    "name": "multinet",
    "plugins": [
        {
            "type": "multinet",
            "capabilities": {"io.kubernetes.cri.pod-annotations": True},
            "delegates": [
                {
                    "cniVersion": "1.1.0",
                    "name": "pods",
                    "plugins": [
                        {
                            "type": "bridge",
                            "bridge": "mn0",
                            "isDefaultGateway": True,
                            "hairpinMode": True,
                            "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/16"}]]},
                        }
                    ],
                }
            ],
        }
    ],
}
"""Used where nobody says otherwise: every pod on one bridge, which is its way out."""


def choose(config: Path | None, paths: Sequence[Path]) -> Mapping[str, Any]:
    """The configuration list to use. Raises InvalidConfig, DecodingFailure, IOFailure."""
    beside = {file for path in paths if (file := (path if path.is_dir() else path.parent) / FILE).is_file()}
    if config is None and len(beside) > 1:
        raise InvalidConfig(
            f"each of {', '.join(sorted(map(str, beside)))} may be meant", hint="choose one by --config"
        )
    chosen = config or next(iter(beside), None)
    return read(chosen) if chosen else BUILT_IN


def read(file: Path) -> Mapping[str, Any]:
    """A list, or a plugin's configuration, in YAML or JSON."""
    try:
        document = yamls.load(file.read_bytes())
    except OSError as error:
        raise IOFailure(f"could not read {file}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DecodingFailure(f"{file} is not YAML: {yamls.told(error)}", hint="correct the file") from error
    with inside(str(file)):
        conflist = NetConfList.parse(json.dumps(document, default=str))
        types = [plugin.get("type") for plugin in conflist.plugins]
        if types != ["multinet"]:
            raise InvalidConfig(
                f"the plugins are {', '.join(map(str, types))}; the sandbox runs multinet, and it alone",
                hint="plugins that are to come after it belong into the cluster network's own list",
            )
    return conflist.to_dict()


def place(config: Mapping[str, Any], ledger: Ledger) -> Mapping[str, Any]:
    """The configuration with the sandbox's own folders in it.

    ``stateDir`` stays: what plugins find at its default is the node's own (``runtime.CNI_STATE``).
    """
    (plugin,) = config["plugins"]
    ours = {
        "folder": str(ledger.cluster),
        "confDir": str(ledger.conf_dir),
        "deviceInfoDir": str(ledger.device_info),
    }
    kept = {key: value for key, value in plugin.items() if key != "stateDir"}
    return {**config, "plugins": [{**kept, **ours}]}
