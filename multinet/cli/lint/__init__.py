"""``multinet lint``: what is wrong with NetworkAttachmentDefinitions, and with the pods that stand beside them.

What a plugin would say of its configuration is asked of that plugin; the rest are rules of ours, each in ``rules``.
"""
