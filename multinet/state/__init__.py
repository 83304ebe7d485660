"""What was given to whom, on the node's disk: DEL, CHECK and GC work from it and from nothing else."""
