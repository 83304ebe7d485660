"""Whether a namespace is gone, as it is seen from the node and from a container that has the folder mounted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import tree

pytestmark = pytest.mark.kernel

ASK = (
    "import sys; from multinet.kernel.absence import provably_gone; print(*map(provably_gone, sys.argv[1:]))"
)

CONTAINER = """\
set -e
python=$1 ask=$2 mounted=$3; shift 3
mount --bind /run/netns /mnt
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var
mkdir -p /run/netns /var/run/netns
if [ "$mounted" = yes ]; then mount --rbind /mnt /run/netns; fi
exec "$python" -c "$ask" "$@"
"""
"""A mount namespace in which /var/run is a folder of its own. /run/netns is the node's, or it is not."""

FOLDERS = ("/run/netns", "/var/run/netns")


def asked(*paths: str, mounted: str) -> list[str]:
    """What is answered there."""
    here = ["unshare", "--mount", "--propagation", "private", "sh", "-c", CONTAINER, "sh"]
    done = subprocess.run(
        [*here, sys.executable, ASK, mounted, *paths],
        cwd=tree.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.fixture
def there(netns) -> str:
    """The name of a namespace that is there."""
    return netns("there").name


def test_a_container_that_has_the_folder_knows_by_both_of_its_names_who_is_gone(there: str):
    paths = [f"{folder}/{name}" for folder in FOLDERS for name in (there, "gone")]
    assert asked(*paths, mounted="yes") == ["False", "True", "False", "True"]


def test_a_container_that_has_the_folder_knows_it_also_of_the_last_one():
    assert list(Path("/run/netns").iterdir()) == []
    assert asked(*(f"{folder}/gone" for folder in FOLDERS), mounted="yes") == ["True", "True"]


def test_a_container_that_does_not_have_the_folder_claims_nothing(there: str):
    paths = [f"{folder}/{name}" for folder in FOLDERS for name in (there, "gone")]
    assert asked(*paths, mounted="no") == ["False"] * 4
    assert asked("", "/proc/1/ns/gone", "/nowhere/gone", mounted="yes") == ["False"] * 3
