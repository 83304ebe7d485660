"""A cluster in a folder: Pods and NetworkAttachmentDefinitions as YAML, status written back beside them.

The same doors as a real cluster's: for trying, for tests, for nodes without Kubernetes.
"""
