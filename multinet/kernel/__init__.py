"""The host, typed: netlink, namespaces, sysctls, nftables. The only place that imports pyroute2.

The hot path packs its own messages; pyroute2 is the oracle of the tests and serves what is off that path.
"""
