"""The status page: what there is and what is wrong on this node, for a person with a browser."""
