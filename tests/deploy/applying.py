"""Objects at a real API server, as `kubectl apply --server-side --validate=strict` sends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.controlplane import APPLY_PATCH, ControlPlane
from tests.support.places import place


def apply(plane: ControlPlane, *objects: Mapping[str, Any], dry_run: bool = False) -> list[dict[str, Any]]:
    """Refused for a field that is not known, too."""
    query = "fieldManager=test&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
    return [plane.ask("PATCH", f"{place(one)}?{query}", one, content_type=APPLY_PATCH) for one in objects]
