"""``multinet explain``: what a pod would be given, and why not.

Each answer is that of the code which ADD runs (``resolve``, ``pipeline.chain.read``, the delegates); here it is only
asked one network at a time, so that the first fault does not hide the others.
"""
