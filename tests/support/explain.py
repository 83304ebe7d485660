"""``multinet explain`` as tests call it."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result

from multinet.cli import main
from tests.support.manifests import manifest


def explain(*args: object, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, args)], input=stdin, catch_exceptions=False)


def refused(*objects: dict[str, Any], options: tuple[object, ...] = ()) -> list[str]:
    """What stands against the pods of a manifest, without where they are."""
    done = explain("-f", "-", "--dry-run", *options, stdin=manifest(*objects))
    assert done.exit_code == int("error: " in done.stdout)
    return [line.partition(": shop/cart-0: ")[2] or line for line in done.stdout.splitlines()]
