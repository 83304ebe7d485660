"""Container images as files: layers with the same bytes for the same content, and the archive that carries them.

The archive is both of what there is: an OCI image layout (`ctr images import`, podman, skopeo) and what
`docker load` and `kind load image-archive` read. Nothing in it tells when or where it was made.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

OCI: Final = "application/vnd.oci.image"
FOLDER, FILE, PROGRAM = 0o755, 0o644, 0o755


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A tar of files, compressed."""

    blob: bytes
    diff_id: str
    """The digest of the tar itself, by which a runtime knows what it has unpacked."""

    @classmethod
    def of(cls, tar: bytes) -> Layer:
        return cls(blob=gzip.compress(tar, 9, mtime=0), diff_id=digest(tar))


def tar_of_files(files: Mapping[str, bytes], *, mode: int = FILE) -> bytes:
    """A tar with these files, in that order."""
    return _tar((_entry(name, mode, size=len(content)), content) for name, content in files.items())


def tar_of_tree(tree: Path) -> bytes:
    """A tar with all that is in a folder, sorted, everything root's."""
    return _tar(_of_tree(tree))


def archive(name: str, architecture: str, layers: Sequence[Layer], config: Mapping[str, Any]) -> bytes:
    """The image ``name`` (with its tag); ``config`` is what a container of it is started with."""
    description = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }
    blobs: dict[str, bytes] = {}

    def put(kind: str, content: bytes) -> dict[str, Any]:
        blobs[f"blobs/sha256/{digest(content).removeprefix('sha256:')}"] = content
        return {"mediaType": f"{OCI}.{kind}", "digest": digest(content), "size": len(content)}

    parts = [put("layer.v1.tar+gzip", layer.blob) for layer in layers]
    described = put("config.v1+json", _json(description))
    manifest = put(
        "manifest.v1+json",
        _json(
            {
                "schemaVersion": 2,
                "mediaType": f"{OCI}.manifest.v1+json",
                "config": described,
                "layers": parts,
            }
        ),
    )
    names = {
        "io.containerd.image.name": full_name(name),
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    platform = {"architecture": architecture, "os": "linux"}
    for_docker = {"Config": _path(described), "RepoTags": [name], "Layers": [_path(part) for part in parts]}
    return tar_of_files(
        {
            "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
            "index.json": _json(
                {
                    "schemaVersion": 2,
                    "mediaType": f"{OCI}.index.v1+json",
                    "manifests": [{**manifest, "platform": platform, "annotations": names}],
                }
            ),
            "manifest.json": _json([for_docker]),
            **blobs,
        }
    )


def full_name(name: str) -> str:
    """As a container runtime understands what a pod says: without a registry's host it is Docker's."""
    host, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if "." in host or ":" in host or host == "localhost" else f"docker.io/{name}"


def digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def _path(part: Mapping[str, Any]) -> str:
    return f"blobs/sha256/{part['digest'].removeprefix('sha256:')}"


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _of_tree(tree: Path) -> Iterable[tuple[tarfile.TarInfo, bytes]]:
    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree))
        if path.is_symlink():
            entry = _entry(name, 0o777, kind=tarfile.SYMTYPE)
            entry.linkname = os.readlink(path)
            yield entry, b""
        elif path.is_dir():
            yield _entry(name, FOLDER, kind=tarfile.DIRTYPE), b""
        else:
            content = path.read_bytes()
            mode = PROGRAM if path.stat().st_mode & 0o100 else FILE
            yield _entry(name, mode, size=len(content)), content


def _entry(name: str, mode: int, *, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size, entry.type = mode, size, kind
    return entry


def _tar(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()
