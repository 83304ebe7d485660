"""Feed the shim what no agent sends: ``python -m tests.shim.fuzzing RUNS``, which is `make fuzz-shim`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from multinet.daemon.frame import Kind, pack
from tests.shim import building

LONGEST_INPUT = 4096

SEEDS = {
    "answer": b"t" + pack(Kind.ANSWER, 0, texts=[b"{}", b"a word"]),
    "run": b"t" + pack(Kind.RUN, 100, 4096, texts=[b"bridge", b"{}", b"CNI_COMMAND=ADD", b"A=b"]),
    "find": b"t" + pack(Kind.FIND, texts=[b"bridge"]) + pack(Kind.FIND, texts=[b"../bridge"]),
    "open": b"t" + pack(Kind.OPEN, texts=[b"/proc/self/ns/net"]) + pack(Kind.OPEN, texts=[b"/dev/null"]),
    "all": b"t"
    + pack(Kind.FIND, texts=[b"b"])
    + pack(Kind.RUN, 1, 1, texts=[b"b", b""])
    + pack(Kind.ANSWER, 1, texts=[b"", b""]),
    "cut": b"t" + pack(Kind.ANSWER, 0, texts=[b"{}", b"a word"])[:-3],
    "path": b"p/opt/cni/bin:/usr/lib/cni::relative:",
    "error": 'ecould not reach /run/x <&> "\\ é \u2028 \U0001f600\n'.encode() + b"\xff\xed\xa0\x80",
    "conf": b"cwait_ms 30000\nanswer_ms 118000\nbin_dir /opt/cni/bin\nbin_dir /usr/lib/cni\n",
}
WORDS = ["mn\\x01R", "mn\\x01F", "mn\\x01O", "mn\\x01A", "wait_ms ", "answer_ms ", "bin_dir /"]


def fuzz(runs: int, *, seed: int = 0, seconds: float = 0) -> subprocess.CompletedProcess[str]:
    """``seed`` 0: another one each time; ``seconds`` 0: until all runs are done. What made it fail is printed, in
    base 64."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for name, content in SEEDS.items():
            (corpus / name).write_bytes(content)
        words = Path(folder, "words")
        words.write_text("".join(f'"{word}"\n' for word in WORDS))
        return subprocess.run(
            [
                str(building.fuzzer()),
                f"-runs={runs}",
                f"-seed={seed}",
                f"-max_total_time={round(seconds)}",
                f"-max_len={LONGEST_INPUT}",
                f"-dict={words}",
                f"-artifact_prefix={folder}/",
                str(corpus),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )


if __name__ == "__main__":
    done = fuzz(int(sys.argv[1]))
    print(done.stdout)
    sys.exit(done.returncode)
