"""Whom a change of a flag gives another variant, told before it is made; and the share a variant has."""
