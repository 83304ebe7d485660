"""Is there an agent, can it serve, and is the program that the runtime executes of the same release?"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from multinet import __version__
from multinet.cli.checks.finding import Finding, good, unknown, warning, wrong
from multinet.cli.checks.patient import Patient
from multinet.daemon import endpoint, leaving, probe
from multinet.daemon.conflist import TYPE

PROGRAM_SECONDS: Final = 10.0
_ABOUT: Final = re.compile(r"^CNI \S+ plugin (\S+)$", re.MULTILINE)
"""What a CNI program says of itself when it is run by hand (``cni.answer.about``)."""


def look(patient: Patient) -> Iterator[Finding]:
    yield from socket(patient)
    yield from probes(patient)
    yield from program(patient)


def socket(patient: Patient) -> Iterator[Finding]:
    path = patient.settings.agent.socket
    if leaving.is_served(patient.settings):
        yield good("socket", f"an agent listens on {path}")
    elif path.exists():
        yield wrong("socket", f"nobody listens on {path}: the agent has ended", patient.restart)
    else:
        yield wrong("socket", f"no agent runs: {path} is not there", patient.restart)


def probes(patient: Patient) -> Iterator[Finding]:
    address = patient.settings.agent.metrics
    if not address:
        yield unknown("probes", "the agent serves no probes: the setting agent.metrics is empty")
        return
    place = endpoint.parse(address)
    for name, meaning in (("livez", "alive"), ("readyz", "ready to serve an ADD")):
        try:
            status, body = probe.ask(place, f"/{name}")
        except OSError as error:
            says = f"no answer from the agent at {address}: {error.strerror or error}"
            yield wrong("probes", says, patient.restart)
            return
        if status == 200:
            yield good("probes", f"the agent is {meaning}")
        else:
            says = "; ".join(body.split("\n")).strip("; ") or f"it answered {status}"
            yield wrong(
                "probes", f"the agent is not {meaning}: {says}", patient.restart if name == "livez" else ""
            )
    yield from version(place, patient)


def version(place: endpoint.Endpoint, patient: Patient) -> Iterator[Finding]:
    """Of the agent that runs; ours is that of the files."""
    try:
        _, text = probe.ask(place, "/metrics")
    except OSError:
        return
    found = re.search(r'^multinet_build_info\{version="([^"]*)"\}', text, re.MULTILINE)
    running = found[1] if found else "an older one"
    if running == __version__:
        yield good("version", f"the agent is multinet {running}")
    else:
        says = f"the agent that runs is multinet {running}, and what is installed here {__version__}"
        yield warning("version", says, patient.restart)


def program(patient: Patient) -> Iterator[Finding]:
    """The shim, as the runtime finds it."""
    folder = Path(patient.settings.bin_dir)
    file = folder / TYPE
    mend = f"multinet install --bin-dir {folder}"
    if not folder.is_dir():
        says = f"{folder} can't be seen from here; the runtime executes {file}"
        yield unknown("program", says, f"{file} </dev/null")
        return
    if not file.is_file():
        yield wrong("program", f"the program that the runtime is to execute is not there: {file}", mend)
        return
    try:
        done = subprocess.run(
            [file], env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROGRAM_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield wrong("program", f"{file} can't be executed: {error}", mend)
        return
    about = _ABOUT.search(done.stderr)
    if about is None:
        yield wrong(
            "program", f"{file} is not multinet's: {(done.stderr or done.stdout).strip()[:200]}", mend
        )
    elif about[1] != __version__:
        yield warning("program", f"{file} is of multinet {about[1]}, and this is {__version__}", mend)
    else:
        yield good("program", f"{file} is of multinet {about[1]}")
