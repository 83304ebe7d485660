"""``python -m tests.soak.agent --config FILE``: the agent, which stops or dies where it is told (``mortal``), and
which waits less for the API server.

With the waits of production an outage would be most of a soak: an ADD gives its status five seconds and a definition
ten, and what was not told then is told within half a minute. At SIGUSR1 it writes into its log what its threads are
doing. Nothing else differs.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from pathlib import Path

from multinet import steps
from multinet.daemon import late
from multinet.daemon.app import run
from multinet.kube import cluster
from tests.daemon.mortal import Fate

WAITS = ((late, "IN_TIME_SECONDS", 0.5), (late, "LONGEST_PAUSE_SECONDS", 1.0), (cluster, "ASK_SECONDS", 1.0))

if __name__ == "__main__":
    file = Path(sys.argv[-1])
    for module, name, seconds in WAITS:
        assert hasattr(module, name), name
        setattr(module, name, seconds)
    faulthandler.register(signal.SIGUSR1)
    steps.listen(Fate(file.parent))
    sys.exit(run(file))
