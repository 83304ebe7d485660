"""Who runs which command of the documents: every one has a test that types it, or a reason why none can here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.support import tree

PROGRAMS: Final = frozenset(
    {
        *(
            "make",
            "multinet",
            "kubectl",
            "helm",
            "docker",
            "nft",
            "cat",
            "rm",
            "echo",
            "install",
            "python",
            "python3",
        ),
        *("(cd", "pip", ".venv/bin/pre-commit", "/opt/multinet/bin/pip", "/opt/multinet/bin/python"),
        *(
            "/opt/multinet/bin/multinet",
            "e2e/kernels/qemu/run",
            "e2e/kernels/uml/run",
            "source",
            "ip",
            "kubeadm",
            "ssh",
        ),
    }
)
"""The first words of what is a command, in a block that may hold something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    document: str
    heading: str
    """The one that it stands under, of any level."""
    line: str


def of(document: str) -> Iterator[Command]:
    """The lines of its indented blocks, and of its fenced ones in a shell's language, that begin with a program."""
    heading, fence = "", ""
    for line in (tree.ROOT / document).read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fence = "" if fence else line.removeprefix("```") or "text"
        elif not fence and line.startswith("#"):
            heading = line.lstrip("# ")
        elif (not fence and line.startswith("    ")) or fence in ("sh", "bash", "console"):
            words = line.split()
            if words and words[0] in PROGRAMS:
                yield Command(document=document, heading=heading, line=line.strip())


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """``by``: ``file::function`` of the test that types it; "" where none can, and ``why`` says why."""

    document: str
    lines: str
    """A regular expression, from the line's beginning."""
    by: str = ""
    why: str = ""
    heading: str = ""
    """Where the same line stands under several: under this one."""

    def covers(self, command: Command) -> bool:
        return (
            command.document == self.document
            and self.heading in ("", command.heading)
            and re.match(self.lines, command.line) is not None
        )


CLUSTER: Final = "tests/docs/test_on_a_cluster.py::test_every_command_is_typed_in_its_order"
NODE: Final = "tests/docs/test_node.py::test_the_commands_install_the_agent_serve_a_pod_and_remove_it_again"
TYPED: Final = "tests/docs/test_commands.py::test_a_command_does_what_is_said_of_it"
REQUESTS: Final = "tests/cli/test_events_and_trace.py::"
RECORD: Final = (
    "tests/cli/test_record_and_replay.py::"
    "test_what_failed_fails_alike_without_its_cluster_and_secrets_are_not_told"
)
DELEGATE: Final = (
    "tests/docs/test_delegates.py::test_the_delegate_that_is_written_there_is_installed_and_served"
)
ITSELF: Final = "it is what runs this"
FETCHES: Final = "it fetches packages, which tests don't"
TIER: Final = "a run of tests of its own, which takes longer than this one"

CLAIMS: Final[Sequence[Claim]] = (
    # --- README.md ---
    Claim(
        document="README.md",
        lines="make demo",
        by="tests/cli/test_demo.py::test_the_demo_runs_to_its_end_and_leaves_nothing",
    ),
    Claim(document="README.md", lines="make test$", why=ITSELF),
    Claim(
        document="README.md",
        lines="multinet sandbox ",
        by="tests/docs/test_readme.py::test_the_commands_of_the_sandbox_run_in_the_order_they_stand",
    ),
    Claim(document="README.md", heading="On a cluster", lines="kubectl apply -f ", by=CLUSTER),
    Claim(document="README.md", heading="With kubectl", lines=r"kubectl |\(cd ", by=CLUSTER),
    Claim(document="README.md", heading="With Helm", lines="helm |kubectl ", by=CLUSTER),
    Claim(
        document="README.md", heading="Off the nodes again", lines="helm |kubectl (?!.* logs )", by=CLUSTER
    ),
    Claim(
        document="README.md",
        heading="Off the nodes again",
        lines="kubectl .* logs ",
        by="e2e/scenarios/test_uninstall.py::test_nodes_are_left_as_they_were_when_the_last_pod_with_a_network_has_gone",
    ),
    Claim(
        document="README.md",
        heading="On a node of a cluster",
        lines="python3 -m pip wheel ",
        by="tests/shim/test_build.py::test_a_wheel_for_this_machine_only_is_tagged_so",
    ),
    Claim(
        document="README.md",
        heading="On a node of a cluster",
        lines="python3 -m venv |/opt/multinet/bin/pip install ",
        why=FETCHES,
    ),
    Claim(
        document="README.md",
        heading="On a node of a cluster",
        lines="kubectl apply |install |/opt/multinet/bin/(python|multinet) |cat |echo ",
        by=NODE,
    ),
    Claim(
        document="README.md",
        heading="In place of Multus",
        lines="/opt/multinet/bin/multinet migrate ",
        by=NODE,
    ),
    Claim(document="README.md", heading="Back again", lines="kubectl drain |rm ", by=NODE),
    Claim(
        document="README.md",
        heading="From Multus",
        lines="kubectl -n kube-system exec ds/multinet -- multinet migrate ",
        by=NODE,
    ),
    Claim(document="README.md", heading="Diagnose", lines="multinet (doctor|ls|show|explain|lint)", by=TYPED),
    # --- the command line ---
    Claim(
        document="multinet/cli/README.md",
        lines="multinet (doctor|ls|show|graph|ipam|explain|lint)",
        by=TYPED,
    ),
    Claim(
        document="multinet/cli/README.md",
        lines="kubectl multinet ",
        by="tests/docs/test_commands.py::test_kubectl_finds_what_is_said_of_it",
    ),
    Claim(
        document="multinet/cli/README.md",
        lines="multinet completion ",
        by="tests/cli/test_completion.py::test_each_shell_has_its_script",
    ),
    # --- other rooms ---
    Claim(
        document="multinet/daemon/README.md",
        lines="ssh -L |kubectl .* port-forward ",
        why="it goes to another machine, by way of its sshd or kubelet",
    ),
    Claim(
        document="multinet/config/README.md",
        lines="multinet migrate ",
        by=NODE,
    ),
    Claim(document="CONTRIBUTING.md", lines="make setup", why=ITSELF),
    Claim(
        document="CONTRIBUTING.md",
        lines="make help",
        by="tests/docs/test_contributing.py::test_make_help_tells_every_command_of_the_makefile",
    ),
    Claim(
        document="CONTRIBUTING.md",
        lines=".venv/bin/pre-commit install",
        why="it changes the checkout's hooks",
    ),
    Claim(document="delegates/README.md", lines="pip install .|python -m multinet.delegate ", by=DELEGATE),
    Claim(
        document="delegates/ipam/dhcp/README.md",
        lines="python -m delegates.ipam.dhcp daemon",
        by="tests/delegates/ipam/dhcp/test_daemon.py::test_it_ends_when_it_is_told_to_and_takes_its_files_along",
    ),
    Claim(
        document="delegates/meta/firewall/README.md",
        lines="nft add ",
        by="tests/delegates/meta/firewall/test_nftables.py::test_what_the_operator_puts_into_ours_stays",
    ),
    Claim(
        document="deploy/image/README.md",
        lines="docker buildx build ",
        by="tests/image/test_containerfile.py::test_what_an_engine_would_write_is_what_the_archive_has",
    ),
    Claim(
        document="deploy/image/README.md",
        lines="make image",
        by="tests/image/test_files.py::test_the_same_sources_make_the_same_bytes",
    ),
    Claim(document="e2e/README.md", lines="make e2e ", why=TIER),
    Claim(document="e2e/kernels/qemu/README.md", lines="make test-kernels|e2e/kernels/qemu/run ", why=TIER),
    Claim(document="e2e/kernels/uml/README.md", lines="make test-kernels|e2e/kernels/uml/run ", why=TIER),
    Claim(
        document="multinet/cli/README.md",
        lines="multinet events",
        by=f"{REQUESTS}test_what_comes_is_told_as_it_comes_until_it_is_interrupted",
    ),
    Claim(
        document="multinet/cli/README.md",
        lines="multinet trace",
        by=f"{REQUESTS}test_a_request_is_traced_by_its_id_and_one_not_remembered_is_an_error_that_says_how_far_back_it_goes",
    ),
    Claim(document="multinet/cli/README.md", lines="multinet (record|replay) ", by=RECORD),
    Claim(
        document="README.md",
        heading="Diagnose",
        lines="multinet events",
        by=f"{REQUESTS}test_a_node_tells_its_requests_with_the_event_of_each_beside_it_and_a_cluster_the_events",
    ),
    Claim(
        document="README.md",
        heading="Diagnose",
        lines="multinet trace",
        by=f"{REQUESTS}test_a_request_is_traced_by_its_id_and_one_not_remembered_is_an_error_that_says_how_far_back_it_goes",
    ),
    Claim(document="README.md", heading="Diagnose", lines="multinet (record|replay) ", by=RECORD),
)
