"""What there is on this node, for people: the journal beside what the kernel has, pools of addresses, the picture."""
