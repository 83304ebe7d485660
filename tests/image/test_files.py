"""What is in the image: all that the agent needs, for either machine, and nothing that it does not."""

from __future__ import annotations

import ast
import csv
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from deploy.image import archive, debian, elf, pythons, trees, trim
from deploy.image.assemble import MEBIBYTE, sizes
from multinet import __version__
from multinet.cli import LEFT_OUT
from tests.image.conftest import MakeImage, unpack
from tests.support import debian as unpacked_debian
from tests.support import tree

pytestmark = pytest.mark.kernel

MOST_MEBIBYTES = 20
"""Compressed: what a node pulls."""

IMPORT_ALL = """
import importlib, pkgutil, sys
missing = set()
for top in sys.argv[1:]:
    package = importlib.import_module(top)
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), f"{top}.", onerror=lambda name: None):
        if not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except ImportError as error:
                missing.add(f"{found.name}: {error.name}")
print(*sorted(missing), sep="\\n")
"""

IMPORT_EACH = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
DRAWS = """
from multinet import cli

cli.COMMANDS["draw"] = "rich.console:Console"
cli.main(["draw"])
"""

UNWANTED = re.compile(
    r"""(^|/)(
        (ba|da|)sh | busybox | pip3? | pip | ensurepip | setuptools | tkinter | idlelib | lib2to3 | unittest | tests?
        | (s?bin|share)/dpkg | apt(-get)? | perl | kubernetes | rich | .*\.(c|h|pyi|la|a)
    )$""",
    re.VERBOSE,
)


def run(
    root: Path, *argv: str, env: Mapping[str, str] | None = None, input: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["chroot", str(root), *argv],
        input=input,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin", "PYTHONSAFEPATH": "1", **(env or {})},
    )


def dist_infos(root: Path) -> dict[str, str]:
    """Name and version of every installed package."""
    found = (root / pythons.SITE).glob("*.dist-info")
    return dict(folder.name.removesuffix(".dist-info").split("-") for folder in found)


def test_every_module_of_ours_can_be_imported_but_for_the_terminals(files: Path):
    done = run(files, "python3", "-c", IMPORT_ALL, "multinet", "delegates")

    assert done.returncode == 0, done.stderr
    lacking = [line.split(": ") for line in done.stdout.split("\n") if line]
    assert {package for _, package in lacking} == {"rich"}
    assert [module for module, _ in lacking if not module.startswith("multinet.cli.sandbox.")] == []


def test_whatever_is_imported_anywhere_is_in_it_or_known_to_be_left_out(files: Path):
    sources = [*(tree.ROOT / "multinet").rglob("*.py"), *(tree.ROOT / "delegates").rglob("*.py")]
    nodes = [node for file in sources for node in ast.walk(ast.parse(file.read_text()))]
    names = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"multinet", "delegates"}

    absent = {top for top in tops if not list((files / pythons.SITE).glob(f"{top}*"))}
    assert absent == {*LEFT_OUT, "hatchling"}  # which only builds the wheel
    done = run(files, "python3", "-c", IMPORT_EACH, *sorted(tops - absent))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_parts_in_c_can_be_loaded(files: Path):
    site = files / pythons.SITE
    extensions = [path.relative_to(site) for path in site.rglob("*.so")]
    modules = [".".join([*path.parts[:-1], path.name.split(".")[0]]) for path in extensions]
    own = [path.name.split(".")[0] for path in (files / "usr/lib" / pythons.VERSION).glob("lib-dynload/*.so")]

    done = run(files, "python3", "-c", IMPORT_EACH, *modules, *own)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_that_takes_what_is_left_out_says_so(files: Path):
    done = run(files, "python3", "-c", DRAWS)

    assert done.returncode == 1
    assert done.stderr == (
        "multinet: this takes the Python package rich, which is not installed here "
        "(the agent's image does without it; use multinet from its wheel)\n"
    )


def test_the_programs_in_it_start(files: Path):
    assert run(files, "multinet", "--version").stdout == f"multinet {__version__}\n"
    assert run(files, "iptables", "--version").stdout.endswith("(nf_tables)\n")
    assert run(files, "ip6tables-restore", "--version").stdout.endswith("(nf_tables)\n")
    assert run(files, "iptables-legacy", "--version").stdout.endswith("(legacy)\n")
    assert run(files, "nft", "--version").returncode == 0
    trust = run(files, "python3", "-c", "import ssl; print(ssl.OPENSSL_VERSION)")
    assert trust.stdout.startswith("OpenSSL 3.")


def test_no_shell_and_nothing_else_that_is_not_needed_is_in_it(files: Path):
    there = [str(path.relative_to(files)) for path in files.rglob("*")]

    assert [path for path in there if UNWANTED.search(path) and "usr/share/doc" not in path] == []
    programs = {
        path.name for folder in ("bin", "sbin", "local/bin") for path in (files / "usr" / folder).iterdir()
    }
    assert {re.sub(r"^(x|ip6?)tables.*", "iptables", name) for name in programs} == {
        *("iptables", "multinet", "nft", "python", "python3", pythons.VERSION)
    }
    shims = [path.name for path in files.rglob("multinet-shim-*")]
    assert shims == [f"multinet-shim-{platform.machine()}"]
    assert [path for path in files.rglob("*") if path.is_symlink() and not _leads(files, path)] == []


def _leads(root: Path, link: Path) -> bool:
    target = os.readlink(link)
    return (root / target.lstrip("/") if target.startswith("/") else link.parent / target).exists()


def test_whatever_a_program_or_library_needs_is_in_it(files: Path):
    libraries = {path.name for path in files.rglob("*.so*")}
    needed = {
        Path(name).name: str(path.relative_to(files))
        for path in files.rglob("*")
        if path.is_file() and not path.is_symlink()
        for name in elf.needs(path)
    }

    assert len(needed) > 20
    assert {name: by for name, by in needed.items() if name not in libraries} == {}


def test_what_is_needed_is_what_the_dynamic_linker_says():
    program = Path(sys.executable).resolve()
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    direct = {Path(name).name for name in elf.needs(program)}

    assert direct
    assert [name for name in direct if name not in said] == []


def test_the_code_is_compiled_for_the_python_in_it_and_is_never_looked_up_again(files: Path):
    compiled = list(files.rglob("*.pyc"))

    assert len(compiled) > 500
    headers = {path.read_bytes()[:8] for path in compiled}
    assert headers == {MAGIC_NUMBER + struct.pack("<I", 1)}  # PEP 552: by hash, and unchecked
    sources = [path for path in files.rglob("*.py") if path.is_relative_to(files / pythons.SITE)]
    assert {path.relative_to(files / pythons.SITE).parts[0] for path in sources} == {"multinet", "delegates"}
    assert [
        path
        for path in sources
        if not (path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc").exists()
    ] == []
    assert not list((files / "usr/lib" / pythons.VERSION).rglob("*.py"))


def test_an_inventory_can_be_made_of_it(files: Path):
    lock = dict(re.findall(r"^([\w.-]+)==([\w.]+)(?= [\\;])", pythons.LOCK.read_text(), re.MULTILINE))
    wanted = {name.replace("-", "_"): version for name, version in lock.items()}
    site = files / pythons.SITE

    assert {name.lower(): version for name, version in dist_infos(files).items()} == {
        **wanted,
        "multinet": __version__,
    }
    recorded = {
        row[0]
        for record in site.glob("*.dist-info/RECORD")
        for row in csv.reader(record.read_text().splitlines())
    }
    there = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert recorded == there
    assert (files / "etc/os-release").read_text().startswith('PRETTY_NAME="Debian GNU/Linux')
    packages = dict(line.split() for line in debian.packages(files))
    assert {"libc6", "libssl3", "iptables", "nftables", f"{pythons.VERSION}-minimal"} <= packages.keys()
    assert [name for name in packages if not (files / "usr/share/doc" / name / "copyright").is_file()] == []


def test_the_lock_is_the_projects_without_what_is_left_out():
    def pins(file: Path) -> dict[str, set[str]]:
        entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", file.read_text()).strip())
        return {entry.split(" ", 1)[0]: set(re.findall(r"sha256:\w+", entry)) for entry in entries}

    whole, image = pins(tree.ROOT / "requirements.lock"), pins(pythons.LOCK)
    declared = {re.split(r"[<>=]", name)[0].lower() for name in tree.pyproject()["project"]["dependencies"]}

    assert {name for name in image if whole.get(name) != image[name]} == set()
    assert declared - {name.split("==")[0] for name in image} == {*LEFT_OUT, "pyroute2"}
    told = (pythons.LOCK.parent / "without.txt").read_text()
    assert set(re.findall(r"^(\w+) ;", told, re.MULTILINE)) == {*LEFT_OUT, "pyroute2"}


def test_it_is_small(image: Path):
    layers = {name: packed for name, packed, _ in sizes(image)}

    assert list(layers) == ["debian", "python", "multinet"]
    assert sum(layers.values()) < MOST_MEBIBYTES * MEBIBYTE
    assert layers["multinet"] < 2 * MEBIBYTE, "a new release is this layer alone"


def test_it_is_as_large_as_the_documents_say(image: Path):
    """Within a twentieth: a release says it anew."""
    document = (tree.ROOT / "deploy" / "image" / "README.md").read_text()
    rows = re.findall(r"^\| .* \| \**([\d.]+)\** \| \**([\d.]+)\** \|$", document, re.MULTILINE)
    *_, amd64, arm64 = rows
    told = {"x86_64": amd64, "aarch64": arm64}[platform.machine()]
    _, packed, unpacked = zip(*sizes(image), strict=True)

    whole = [sum(packed) / MEBIBYTE, sum(unpacked) / MEBIBYTE]
    assert whole == pytest.approx([float(one) for one in told], rel=0.05)
    assert f"| {' and '.join(amd64)} |" in (tree.ROOT / "README.md").read_text()


def test_the_same_sources_make_the_same_bytes(tmp_path: Path):
    made = []
    for name in ("first", "somewhere-else"):
        trees.make("multinet", "amd64", tmp_path / name)
        made.append(archive.Layer.of(archive.tar_of_tree(tmp_path / name)))
        shutil.rmtree(tmp_path / name)

    assert made[0].diff_id == made[1].diff_id
    assert made[0].blob == made[1].blob


@pytest.mark.long
def test_the_other_machines_image_starts_under_an_emulator(make_image: MakeImage, tmp_path: Path):
    other, emulator = {"x86_64": ("arm64", "aarch64"), "aarch64": ("amd64", "x86_64")}[platform.machine()]
    files = unpack(make_image(other), tmp_path)
    shutil.copy(unpacked_debian.program("qemu-user-static", f"qemu-{emulator}-static"), files / "emulator")
    program = (
        "import ssl, yaml._yaml, jsonschema, multinet.daemon.app, platform, multinet.shim\n"
        "print(platform.machine(), multinet.shim.binary().name)"
    )

    done = run(files, "/emulator", "/usr/bin/python3", "-c", program)

    assert done.stdout == f"{emulator} multinet-shim-{emulator}\n", done.stderr
    assert run(files, "/emulator", "/usr/sbin/iptables-legacy", "--version").stdout.endswith("(legacy)\n")


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("usr/bin/python3.11", True),
        ("usr/bin/python3.11-config", False),
        ("usr/lib/python3.11/json/decoder.py", True),
        ("usr/lib/python3.11/test/support/__init__.py", False),
        ("usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so", True),
        ("usr/lib/python3.11/lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so", False),
        ("usr/sbin/ip6tables-nft-restore", True),
        ("usr/sbin/ebtables-nft", False),
        ("usr/share/doc/libc6/copyright", True),
        ("usr/share/doc/libc6/changelog.Debian.gz", False),
        ("usr/bin/dpkg", False),
    ],
)
def test_what_is_taken_of_debians_packages(path: str, kept: bool):
    assert trim.of_debian(path) is kept
