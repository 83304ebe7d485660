"""Does the runtime call us first, and is the cluster's own network known?"""

from __future__ import annotations

from collections.abc import Iterator

from multinet.cli.checks.finding import Finding, good, warning, wrong
from multinet.cli.checks.patient import Patient
from multinet.config.agent import CONF_SUFFIXES
from multinet.daemon import conflist, confsearch, leaving
from multinet.daemon.primary import AGENT_HINT, is_definition, is_inline, place_of


def look(patient: Patient) -> Iterator[Finding]:
    yield from chain(patient)
    yield from primary(patient)


def chain(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    agent = settings.agent
    file = agent.cni_conf_dir / agent.conflist_name
    if leaving.begun(settings.state_dir):
        says = "this node is being left, by `multinet uninstall`: new pods get no further networks"
        yield wrong("chain", says, f"multinet install --config {patient.config}")
        return
    if not agent.cni_conf_dir.is_dir():
        says = f"the runtime's folder {agent.cni_conf_dir} is not there"
        yield wrong("chain", says, "crictl info | grep -i confDir")
        return
    before = conflist.before(file, CONF_SUFFIXES)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        says = (
            f"{file} is not there: the runtime does not call multinet. The agent writes it once it can serve"
        )
        yield wrong("chain", says, patient.restart)
        return
    except OSError as error:
        yield wrong("chain", f"could not read {file}: {error.strerror}")
        return
    if not conflist.is_ours(content):
        yield wrong("chain", f"{file} does not call multinet, and nothing else", f"rm {file}")
        return
    if before:
        says = (
            f"{agent.cni_conf_dir / before} comes before {file.name}: the runtime uses it, and pods get no further "
            "networks"
        )
        other = agent.cni_conf_dir / before
        yield wrong("chain", says, f"mv {other} {other}.disabled")
        return
    yield good("chain", f"{file} is the first of {agent.cni_conf_dir}, and calls multinet")


def primary(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    ready = settings.readiness_indicator_file
    if ready is not None and not ready.exists():
        says = f"the cluster network is not ready: {ready} is not there"
        yield wrong("primary network", says, cluster_pods(patient))
    if is_inline(settings):
        yield good("primary network", "the settings hold the cluster's own network")
        return
    if is_definition(settings):
        yield good(
            "primary network", f"the settings name {settings.cluster_network} as the cluster's own network"
        )
        return
    place = place_of(settings)
    names = confsearch.look(place.folder, also=place.pinned).names()
    choice = confsearch.choose(place.folder, names, pinned=place.pinned, own=settings.agent.conflist_name)
    for name in choice.passed_over:
        says = f"{place.folder / name} is another meta plugin's: multinet passes it over"
        yield warning("primary network", says, f"mv {place.folder / name} {place.folder / name}.disabled")
    if choice.conflist is None:
        yield wrong("primary network", f"{choice.problem} ({AGENT_HINT})", cluster_pods(patient))
    else:
        types = ", ".join(str(plugin.get("type")) for plugin in choice.conflist.plugins)
        says = f"the cluster's own network is {choice.conflist.name} ({types}), of {choice.path}"
        yield good("primary network", says)


def cluster_pods(patient: Patient) -> str:
    """The cluster network's own are among them."""
    return f"kubectl get pods -A -o wide --field-selector spec.nodeName={patient.name}"
