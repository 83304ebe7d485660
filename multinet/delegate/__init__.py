"""The contract between multinet and whatever makes, changes or addresses an interface.

All that a third party needs to read: ``contract`` (what to write), ``undo`` (how to be taken back),
``doors`` (what a call carries in), ``schema`` (how a configuration is checked).
"""
