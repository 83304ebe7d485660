"""What of Debian's packages and of Python's the image has, and what it does without.

It starts one program, which calls two others (iptables and nft) for delegates that are told to. All else that the
packages bring is left away: shells, pip, compilers, tests, documents, and whatever of Python's library no agent
and none of its dependencies import. Licences stay.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PACKAGES: Final = ("base-files", "iptables", "libpython3-stdlib", "nftables", "python3-minimal")
"""Debian's, with all that they depend on. base-files says which Debian this is, which is what scanners ask first."""

KEPT: Final = re.compile(
    r"""
    usr/bin/python3\.\d+
    | usr/lib/python3\.\d+/.+
    | usr/sbin/(ip6?tables-(nft|legacy)(-restore|-save)?|xtables-(nft|legacy)-multi|nft)
    | usr/lib/[^/]+/xtables/lib(xt|ipt|ip6t)_\w+\.so
    | (etc|usr/lib)/os-release
    | usr/share/doc/[^/]+(/copyright)?
    """,
    re.VERBOSE,
)
LIBRARY: Final = re.compile(r"usr/lib(64)?/([^/]+/)?[^/]+\.so(\.[\w.]+)?")
"""Kept where something that is kept needs it."""

ALWAYS: Final = ("libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1", "libutil.so.1")
"""The C library loads libgcc_s by itself, when a thread ends. The others, 14 kB each, are what a wheel may need of it
(PEP 599); Debian's own programs need none of them any more.
"""

LINKS: Final = {
    "bin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "sbin": "usr/sbin",
    "usr/sbin/iptables": "iptables-nft",
    "usr/sbin/iptables-restore": "iptables-nft-restore",
    "usr/sbin/ip6tables": "ip6tables-nft",
    "usr/sbin/ip6tables-restore": "ip6tables-nft-restore",
}
"""Debian's packages leave these to their installation scripts, which are not run here."""

FOLDERS: Final = ("etc/multinet", "run", "tmp", "var/lib")
"""Empty; some are mounted over."""

UNUSED_MODULES: Final = re.compile(
    r"""
    (__phello__|config-[^/]+|curses|dbm|distutils|ensurepip|idlelib|lib2to3|msilib|pydoc_data|sqlite3|test|tkinter
      |turtledemo|unittest|venv|xmlrpc)/.+
    | (antigravity|cProfile|crypt|doctest|imaplib|nntplib|pdb|poplib|profile|pstats|pydoc|sitecustomize|smtpd|smtplib
      |sndhdr|sunau|telnetlib|this|turtle|wave)\.py
    | (EXTERNALLY-MANAGED|LICENSE\.txt)
    | .+/(tests?|__pycache__)/.+
    | encodings/(big5|cp932|cp949|cp950|euc_|gb|hz|iso2022_|johab|shift_)\w*\.py
    | lib-dynload/(_codecs_\w+|_crypt|_curses(_panel)?|_dbm|_gdbm|_lsprof|_multibytecodec|_sqlite3|_\w*test\w*
      |_tkinter|_xx\w+|audioop|nis|ossaudiodev|readline|spwd|xx\w+)\.[^/]+
    """,
    re.VERBOSE,
)
"""Of Python's own library, by the path in it."""

UNUSED_FILES: Final = re.compile(
    r"""
    (bin|include|share)/.+
    | (.+/)?(tests?|testing|benchmarks)/.+
    | .+\.(c|h|in|md|pxd|pyi|pyx|rst)
    | .+/(py\.typed|example\.yaml)
    | [^/]+\.dist-info/(INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json)
    | \.lock
    """,
    re.VERBOSE,
)
"""Of installed Python packages, by the path in their folder. A .dist-info keeps what says what it is, and licences.
"""

LICENCES: Final = re.compile(r"[^/]+\.dist-info/(licenses|LICENSE|COPYING|NOTICE).*")


def of_debian(path: str) -> bool:
    """Is this file of a Debian package one for the image? Libraries are chosen after that, by who needs them."""
    if not KEPT.fullmatch(path):
        return False
    in_library = re.fullmatch(r"usr/lib/python3\.\d+/(.+)", path)
    return in_library is None or not UNUSED_MODULES.fullmatch(in_library[1])


def installed(folder: Path, machine: str) -> None:
    """Remove what the image does without from a folder of installed packages; the shim of other machines, too."""
    for path in sorted(folder.rglob("*"), reverse=True):
        name = str(path.relative_to(folder))
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif (UNUSED_FILES.fullmatch(name) and not LICENCES.fullmatch(name)) or (
            path.name.startswith("multinet-shim-") and path.name != f"multinet-shim-{machine}"
        ):
            path.unlink()
