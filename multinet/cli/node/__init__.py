"""What this node has: its sandboxes by the journal, what the kernel has of them, and the addresses that are given."""
