"""Nothing that is tracked speaks of the machine it was written on, or of where packages come from.

A clone works in any folder, and package clients know their registries themselves. The patterns are put
together here so that this file does not match.
"""

from __future__ import annotations

import re

from tests.support import tree

FOLDERS = ("wo" + "rk", "ro" + "ot", "fa" + "rm")
HOSTS = (
    "py" + "pi.org",
    "pythonhosted" + ".org",
    "proxy.go" + "lang",
    "sum.go" + "lang",
    "deb.deb" + "ian",
    "npm" + "js.org",
)
FORBIDDEN = re.compile(
    rf"(?<![\w.$}}*-])/(?:{'|'.join(FOLDERS)})/|" + "|".join(re.escape(host) for host in HOSTS), re.IGNORECASE
)


def test_the_pattern_finds_what_it_is_for():
    assert FORBIDDEN.search("see /" + FOLDERS[0] + "/main")
    assert FORBIDDEN.search("--index-url https://" + HOSTS[0] + "/simple")
    assert not FORBIDDEN.search("/proc/1/" + FOLDERS[1] + "/etc and a/" + FOLDERS[0] + "/b")


def test_no_tracked_file_names_a_folder_of_this_machine_or_a_registry():
    found = [
        f"{path.relative_to(tree.ROOT)}:{number}: {line.strip()}"
        for path in tree.tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]
    assert found == []


def test_the_locks_pin_every_package_by_hash():
    for lock in (tree.ROOT / "requirements.lock", tree.ROOT / "tests" / "support" / "go.lock"):
        entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", lock.read_text()).strip())
        assert entries
        assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
