"""`make demo`, from its second line on: what it shows and that it leaves nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.conftest import ROOT

DEMO = ROOT / "e2e/demo/run"


@pytest.mark.kernel
def test_the_demo_runs_to_its_end_and_leaves_nothing() -> None:
    done = subprocess.run([sys.executable, DEMO], capture_output=True, text=True, timeout=120)
    assert (done.stderr, done.returncode) == ("", 0)
    nothing, summary, picture = done.stdout.splitlines()[-3:]
    assert (
        nothing
        == "Nothing is left: no link, namespace, mount, file or firewall rule that was not there before."
    )
    assert summary.startswith("2 pods, 3 networks each, 6 pings answered, ")
    assert (
        ET.parse(Path(picture.removeprefix("The picture: "))).getroot().tag
        == "{http://www.w3.org/2000/svg}svg"
    )


def test_without_its_environment_it_says_how_to_run_it(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    done = subprocess.run([tmp_path / "python3", "-S", DEMO], capture_output=True, text=True)
    assert done.stderr == f"there is no {tmp_path}/multinet: run the demo by `make demo`, which installs it\n"
