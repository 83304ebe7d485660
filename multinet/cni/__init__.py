"""The CNI specification, pure: values in, values out. No I/O here, and nothing from the rest but errors."""
