"""Feature flags: definitions in the flagd format, compiled once and evaluated many times.

Pure, and imports no pydantic: the agent evaluates with the same code inside somebody else's process.
"""
