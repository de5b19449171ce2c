"""Feature flags: definitions in the flagd format, compiled once and evaluated many times.

Pure, and imports no pydantic: the agent evaluates with the same code inside somebody else's process, so what
only the portal needs lies beside this package, in `core/flag_moves` (whom a change would move) and
`core/flag_*.py`.

Where a new one goes:

- An operator: its row in `operators.ARITIES`; what it does in `operators.EAGER`, or in `compile` where it
  must not get all its values; what it gives in `operators.GIVES_*` or `outcome.inside`; what it reads in
  `operators.READERS` and `flag_reads.read_by`; its words in `flag_rule_words`; a shortcut in `quick` if many
  rules have it. `tests/unit/core/test_flag_operators.py` asks each row of each operator.
- A key of the metadata: what evaluation needs in `definition`, and what it takes in `parse`; what the portal
  needs, with what it takes, in `flag_said.TAKES`.
- A fact of an SLO: `flag_facts`; all rules can read it by its name from then on.
- A kind of change: a step in `flag_step`, and what it makes of a definition in `flag_after`.
"""
