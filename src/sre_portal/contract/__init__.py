"""What the portal and the agent agree on. Standard library only.

The records here are the wire: their field names are the JSON names, their units are in the
names (`_ms`, `_at` as seconds since the Unix epoch on the portal's clock).
"""
