"""A rule in words, as turns and conditions say it too: `core.flag.words`."""

from sre_portal.core.flag.words import rule_text_words, rule_words

__all__ = ["rule_text_words", "rule_words"]
