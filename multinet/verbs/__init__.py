"""The CNI verbs as stories, a page each, no detail. What they need of the world is handed in (``node``)."""
