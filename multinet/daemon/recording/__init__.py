"""What a request was told, kept whole where it failed, so that it can be replayed without its cluster."""
