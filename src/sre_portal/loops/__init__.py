"""Time coming in: each pass calls one operation.

A pass that fails is logged and counted; the next one tries again.
"""
