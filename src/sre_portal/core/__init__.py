"""Pure judgement: no I/O, no clock, no randomness. Time and chance come in as arguments."""
