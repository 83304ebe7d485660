"""``python -m tests.concurrency CONF NAME THREADS COUNT FOLDER``: another process of ours that takes addresses."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from delegates.ipam.host_local import HostLocal
from tests.concurrency.holders import Holders, come_and_go
from tests.support.ipam import Ours

if __name__ == "__main__":
    conf, name, threads, count, folder = sys.argv[1:]
    ours, holders = Ours(delegate=HostLocal()), Holders(folder=Path(folder))
    with ThreadPoolExecutor(int(threads)) as workers:
        for done in [
            workers.submit(come_and_go, ours, json.loads(conf), f"{name}{number}", int(count), holders)
            for number in range(int(threads))
        ]:
            done.result()
