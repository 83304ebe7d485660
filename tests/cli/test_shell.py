"""`multinet sandbox shell`: the sandbox for an ordinary user, and the words where the kernel forbids it."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.a_recording import recording
from tests.cli.conftest import ROOT

pytestmark = pytest.mark.kernel

NOBODY = "65534"


@pytest.fixture
def sandbox() -> Iterator[str]:
    """The path of a command that is ``multinet sandbox`` and that every user may run.

    This Python may lie where others can't read, so it is found at another place by them.
    """
    with tempfile.TemporaryDirectory(prefix="mn-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        python = folder / "python"
        python.mkdir()
        subprocess.run(["mount", "--bind", sys.base_prefix, python], check=True)
        try:
            program = python / "bin" / f"python3.{sys.version_info.minor}"
            path = f"{ROOT}:{sysconfig.get_path('purelib')}"
            (folder / "sandbox").write_text(
                f"#!/bin/sh\nexport PYTHONHOME={python} PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1\n"
                f'exec {program} -c "from multinet.cli import main; main()" sandbox "$@"\n'
            )
            (folder / "multinet").write_text((folder / "sandbox").read_text().replace("sandbox ", ""))
            for command in ("sandbox", "multinet"):
                (folder / command).chmod(0o755)
            yield str(folder / "sandbox")
        finally:
            subprocess.run(["umount", python], check=True)


def ordinary(*command: str) -> list[str]:
    """The command as somebody without any right."""
    drop = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--bounding-set=-all"]
    return [*drop, *command]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60)


def test_an_ordinary_user_has_pods_with_networks(sandbox: str) -> None:
    done = run(
        *ordinary(sandbox, "shell", "--", "sh", "-ec"),
        f"""
        id -u; ls -A /run
        {sandbox} up {ROOT}/crds/examples/demo
        {sandbox} exec web-0 -- ping -c1 -w5 10.10.0.11 | grep -o 'bytes from [^:]*'
        {sandbox} exec web-0 -- ping -c1 -w5 192.0.2.101 | grep -o 'bytes from [^:]*'
        {sandbox} exec web-0 -- ls /sys/class/net
        {sandbox} down
        ls -A /run; ip -br link | cut -d' ' -f1
        """,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "0",
        "default/web-0 is up, 10.244.0.2/16",
        "default/web-1 is up, 10.244.0.3/16",
        "bytes from 10.10.0.11",
        "bytes from 192.0.2.101",
        *("eth0", "lo", "net2", "storage"),
        "default/web-1 is down",
        "default/web-0 is down",
        "node multinet-node is down",
        "lo",
    ]


def test_root_has_one_too_and_it_leaves_the_machine_alone(sandbox: str) -> None:
    done = run(sandbox, "shell", "--", "sh", "-c", f"{sandbox} up {ROOT}/crds/examples/layer-2.yaml; ls /run")
    assert (done.stdout, done.stderr) == ("default/two-ports is up, 10.244.0.2/16\nmultinet\nnetns\n", "")
    assert run(sandbox, "ls", "--state", "/run/multinet/sandbox").stdout == "no pods\n"


def test_an_ordinary_user_replays_what_an_agent_recorded(sandbox: str) -> None:
    folder = Path(sandbox).parent
    (folder / "request.json").write_text(json.dumps(recording()))
    done = run(*ordinary(str(folder / "multinet"), "replay", str(folder / "request.json")))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[4] == "result    the same answer"


def test_outside_of_it_an_ordinary_user_is_told_of_it(sandbox: str) -> None:
    done = run(*ordinary(sandbox, "up", f"{ROOT}/crds/examples/demo", "--state", "/run/mn-forbidden"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "multinet: could not make /run/mn-forbidden: Permission denied"
        " (run it as root, or inside `multinet sandbox shell`, which an ordinary user may have)\n"
    )


def test_where_the_kernel_forbids_it_that_is_said(sandbox: str) -> None:
    """The kernel forbids user namespaces to whatever lives in a chroot."""
    changed = f"mount --rbind / /mnt && exec chroot --userspec={NOBODY}:{NOBODY} /mnt {sandbox} shell -- true"
    done = run("unshare", "--mount", "sh", "-c", changed)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "multinet: could not make namespaces for an ordinary user: Operation not permitted"
        " (this kernel's settings forbid it: see the sysctls user.max_user_namespaces,"
        " kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns, or be root)\n"
    )


def test_a_program_that_is_not_there_is_told(sandbox: str) -> None:
    done = run(sandbox, "shell", "--", "no-such-program")
    assert done.stderr == "multinet: could not run no-such-program: No such file or directory\n"
