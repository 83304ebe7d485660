"""``multinet migrate FILE``: Multus's configuration as one of ours."""

from __future__ import annotations

from pathlib import Path

import click

from multinet.cli.output import examples


@click.command(
    epilog=examples(
        "multinet migrate /etc/cni/net.d/00-multus.conf > /etc/multinet/config.yaml",
        "multinet migrate daemon-config.json",
    )
)
@click.argument("file", type=click.Path(path_type=Path))
def migrate(file: Path) -> None:
    """Print Multus's configuration FILE as settings of multinet.

    FILE is Multus's 00-multus.conf, 00-multus.conflist or daemon-config.json. The settings go to stdout as YAML;
    what is to be known of keys that have no effect or another meaning goes to stderr.
    """
    import yaml

    from multinet import files
    from multinet.config import multus
    from multinet.config.settings import SCHEMA, Settings, decode
    from multinet.config.values import in_file

    try:
        content = file.read_bytes()  # which may be a pipe
    except OSError as error:
        raise files.failure("read", file, error) from error
    with in_file(file):
        translated = multus.translate(decode(content))
        Settings.parse(translated.settings, primary_is_found=True)
    for note in translated.notes:
        click.echo(f"multinet: {note}", err=True)
    read = SCHEMA.read(translated.settings)
    in_order = {key: read[key] for key in SCHEMA.document["properties"] if key in read}
    click.echo(yaml.safe_dump(in_order, sort_keys=False, allow_unicode=True), nl=False)
