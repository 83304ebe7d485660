"""``python -m multinet`` called as a container runtime calls a CNI plugin: environment, stdin, exec.

It runs in the node's network namespace and finds the node's own state where plugins keep theirs.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multinet.cli.sandbox import linux, netns
from multinet.cli.sandbox.ledger import IFNAME, Ledger, Node, Pod
from multinet.cni.netconf import NetConf, NetConfList
from multinet.cni.request import Verb
from multinet.cni.wire import result_from_json
from multinet.delegate.executable import failure
from multinet.errors import DecodingFailure, PluginFailed

CNI_STATE = Path("/var/lib/cni")
"""Where plugins keep state unless told otherwise. A node has its own there, out of its folder."""

PLUGIN = (sys.executable, "-m", "multinet")

WORDS = {Verb.DEL: "delete"}
"""What libcni calls a verb in its messages where that is not the verb's own name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """``say`` hears what the plugin logs."""

    ledger: Ledger
    node: Node
    say: Callable[[str], None]

    def add(self, pod: Pod) -> Mapping[str, Any]:
        """The result. Raises PluginFailed, with the sentence that a runtime puts on its pod."""
        answer = self._pod(Verb.ADD, pod)
        try:
            result = json.loads(answer)
            result_from_json(result, result["cniVersion"])
        except (ValueError, TypeError, KeyError, DecodingFailure) as error:
            raise PluginFailed(f"multinet answered with what is no result: {error}", plugin_code=6) from error
        return dict(result)

    def check(self, pod: Pod) -> None:
        self._pod(Verb.CHECK, pod)

    def delete(self, pod: Pod) -> None:
        self._pod(Verb.DEL, pod)

    def gc(self, pods: Iterable[Pod]) -> None:
        """Let go of everything that belongs to none of ``pods``."""
        conf = _conflist(self.node.config).plugin_request(0)
        valid = [(pod.container_id, IFNAME) for pod in pods]
        self._call(Verb.GC, conf.with_valid_attachments(valid), {})

    def status(self) -> None:
        """Raises PluginFailed when an ADD could not be served now."""
        self._call(Verb.STATUS, _conflist(self.node.config).plugin_request(0), {})

    def _pod(self, verb: Verb, pod: Pod) -> bytes:
        conflist = _conflist(pod.config)
        previous = result_from_json(pod.result, conflist.version) if pod.result else None
        conf = conflist.plugin_request(0, prev_result=previous, capability_args=pod.capability_args)
        return self._call(verb, conf, environment(pod))

    def _call(self, verb: Verb, conf: NetConf, env: Mapping[str, str]) -> bytes:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CNI_")}
        done = netns.run(
            PLUGIN,
            namespace=self.node.netns,
            furnish=lambda: linux.bind(self.ledger.cni_state, CNI_STATE, self.ledger.spare),
            env={**inherited, **env, "CNI_COMMAND": verb.value, "CNI_PATH": self.node.cni_path},
            stdin=conf.encode(),
        )
        log = done.stderr.decode(errors="replace")
        for line in log.splitlines():
            self.say(line)
        if done.returncode:
            error = failure("multinet", done.returncode, done.stdout, b"" if done.stdout else done.stderr)
            words = as_runtimes_say(verb, error.message, error.details)
            raise PluginFailed(words, plugin_code=error.cni_code)
        return done.stdout


def environment(pod: Pod) -> dict[str, str]:
    """What containerd and CRI-O put there for a pod."""
    args = {
        "IgnoreUnknown": "1",
        "K8S_POD_NAMESPACE": pod.namespace,
        "K8S_POD_NAME": pod.name,
        "K8S_POD_INFRA_CONTAINER_ID": pod.container_id,
        "K8S_POD_UID": pod.uid,
    }
    return {
        "CNI_CONTAINERID": pod.container_id,
        "CNI_NETNS": str(pod.netns),
        "CNI_IFNAME": IFNAME,
        "CNI_ARGS": ";".join(f"{key}={value}" for key, value in args.items()),
    }


def as_runtimes_say(verb: Verb, message: str, details: str) -> str:
    """libcni's sentence, as a person finds it in the events of the pod."""
    word = WORDS.get(verb, verb.value.lower())
    return f'plugin type="multinet" failed ({word}): {message}' + (f"; {details}" if details else "")


def _conflist(config: Mapping[str, Any]) -> NetConfList:
    return NetConfList.of(config)
