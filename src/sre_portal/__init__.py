"""SRE Portal: break a service on purpose, safely, and prove that its defences react as predicted."""

__version__ = "0.1.0"
