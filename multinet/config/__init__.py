"""The settings: one file, or the multinet entry of a CNI configuration; checked once, then frozen."""

from multinet.config.agent import AgentSettings
from multinet.config.reload import RELOADABLE, changed, reloaded
from multinet.config.settings import SCHEMA, Settings

__all__ = ["RELOADABLE", "SCHEMA", "AgentSettings", "Settings", "changed", "reloaded"]
