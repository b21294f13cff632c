"""The place of the pytest plugin, which is not built yet; it may import everything below."""
