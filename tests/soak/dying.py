"""The reference's plugins, and one of them that dies when it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DYING_PTP: Final = """\
#!/bin/sh
# The reference's ptp; where a file of the verb's name is, it is killed once: before, during or after its work.
ptp={bin}/ptp
order={orders}/$CNI_COMMAND
[ -e "$order" ] && mv "$order" "$order.$$" 2>/dev/null || exec "$ptp"
read -r moment < "$order.$$"
rm "$order.$$"
case $moment in
before) kill -KILL $$ ;;
after) "$ptp" > /dev/null; kill -KILL $$ ;;
*) exec 3<&0; "$ptp" <&3 & sleep "$moment"; kill -KILL $! 2> /dev/null; kill -KILL $$ ;;
esac
"""


def plugins(folder: Path, peers: Path, orders: Path) -> Path:
    """A folder with all of them, below ``folder``. The mortal one finds its order in ``orders``: "before", "after",
    or how many seconds it may have.
    """
    made = folder / "bin"
    for new in (made, orders):
        new.mkdir()
    for file in peers.iterdir():
        (made / file.name).symlink_to(file)
    program = made / "mortal-ptp"
    program.write_text(DYING_PTP.format(bin=peers, orders=orders))
    program.chmod(0o755)
    return made
