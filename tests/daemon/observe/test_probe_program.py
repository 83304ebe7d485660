"""The program that the kubelet executes as a probe."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from multinet.daemon import probe
from tests.daemon.observe.conftest import Serve


def fine() -> str:
    return ""


def run_probe(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "multinet.daemon.probe", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_probe_program_is_silent_when_all_is_well(serve_probes: Serve, tmp_path: Path):
    server = serve_probes(f"unix:{tmp_path}/probes.sock", ready={"api": fine})

    assert run_probe("readyz", "--address", server.address) == (0, "", "")


def test_the_probe_program_prints_what_is_wrong(serve_probes: Serve):
    server = serve_probes(ready={"api": lambda: "no answer for 90 s", "primary": lambda: "gone"})

    assert run_probe("--address", server.address, "readyz") == (
        1,
        "api: no answer for 90 s\nprimary: gone\n",
        "",
    )


def test_the_probe_program_says_when_nobody_answers(tmp_path: Path):
    address = f"unix:{tmp_path}/probes.sock"

    assert run_probe("livez", "--address", address) == (
        1,
        f"no answer from the agent at {address}: No such file or directory\n",
        "",
    )


def test_the_probe_program_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(probe, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert probe.main(["livez", "--address", address]) == 1
    assert capsys.readouterr().out == f"no answer from the agent at {address}: timed out\n"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.0", b"nonsense\r\n\r\n"])
def test_the_probe_program_takes_nothing_else_for_an_answer(said: bytes, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(said)

        speaker = threading.Thread(target=speak)
        speaker.start()
        assert probe.main(["livez", "--address", address]) == 1
        speaker.join()
    assert capsys.readouterr().out == (
        f"no answer from the agent at {address}: it hung up without an answer\n"
    )


@pytest.mark.parametrize("arguments", [[], ["metrics"], ["readyz", "--address"], ["readyz", "livez"]])
def test_a_mistaken_call_of_the_probe_program_shows_how(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
):
    assert probe.main(arguments) == 2
    assert capsys.readouterr().err == (
        "usage: python -m multinet.daemon.probe livez|readyz|startz [--address ADDRESS]\n"
    )


def test_the_probe_program_imports_next_to_nothing():
    asked = "import sys, multinet.daemon.probe; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout

    assert {name for name in loaded.split() if name.startswith("multinet")} == {
        "multinet",
        "multinet.daemon",
        "multinet.daemon.endpoint",
        "multinet.daemon.probe",
        "multinet.errors",
    }
    assert {"structlog", "http", "dataclasses", "argparse", "prometheus_client"} & set(
        loaded.split()
    ) == set()
