"""multinet: the multi-network stack for Kubernetes pods."""

__version__ = "0.1.0"
