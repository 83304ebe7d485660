"""``multinet lint`` as tests call it, and a definition in a file of its own."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from multinet.cli import main

GOOD = """\
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: NAME, namespace: shop}
spec:
  config: |
"""

IPAM = '"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]]}'


def lint(*args: object, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["lint", *map(str, args)], input=stdin, catch_exceptions=False)


def definition(folder: Path, name: str, config: str, annotations: str = "{}") -> Path:
    file = folder / f"{name}.yaml"
    text = GOOD.replace("NAME", name).replace(
        "namespace: shop", f"namespace: shop, annotations: {annotations}"
    )
    file.write_text(text + "".join(f"    {line}\n" for line in config.splitlines()))
    return file
