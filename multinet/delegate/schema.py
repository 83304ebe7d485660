"""How a room checks its configuration: ``SCHEMA = Schema.of(__package__)``, ``SCHEMA.read(conf.raw)``."""

from multinet.schema import Schema

__all__ = ["Schema"]
