"""That one entry is in the signed log: the entry, the way up the tree, and the signed root at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sre_portal.core.audit import Entry
from sre_portal.core.checkpoint import Checkpoint, parse_checkpoint
from sre_portal.core.merkle import Step, climb, includes, leaf_hash


@dataclass(frozen=True, slots=True)
class Proof:
    """`path` leads from the entry's hash upwards, 32 bytes each."""

    entry: Entry
    checkpoint: str
    """The signed text, unchecked."""
    path: tuple[bytes, ...]

    @property
    def claimed(self) -> Checkpoint:
        """What the checkpoint says."""
        return parse_checkpoint(self.checkpoint)

    @property
    def steps(self) -> Sequence[Step]:
        """The way up, step by step."""
        return climb(self.entry.seq, self.claimed.size, self._leaf, self.path)

    @property
    def holds(self) -> bool:
        """Whether the way ends at the root, and the text, where it is still there, has the entry's hash."""
        text, head = self.entry.leaf, self.claimed
        if text is not None and leaf_hash(text.encode("utf-8", "surrogatepass")) != self._leaf:
            return False
        return includes(self.entry.seq, head.size, self._leaf, self.path, head.root)

    @property
    def _leaf(self) -> bytes:
        try:
            return bytes.fromhex(self.entry.hash)
        except ValueError:  # somebody changed it
            return b""
