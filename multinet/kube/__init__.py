"""The cluster, typed: pods, definitions, devices, and the one annotation we write."""
