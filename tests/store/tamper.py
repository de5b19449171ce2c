"""Ways to change an audit log behind the portal's back, drawn from a seed, for tests and the benchmark.

A vandal here may write anything into the database, knows every formula, and has no secret key.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from random import Random

from sqlalchemy import Connection, delete, insert, text, update

from sre_portal.core.audit import Entry, entry_of, forgotten
from sre_portal.core.checkpoint import Checkpoint, NotGenuine, Signer, parse_checkpoint
from sre_portal.core.journal import canonical
from sre_portal.core.merkle import Frontier, leaf_hash
from sre_portal.store import tables

COLUMNS = ("event", "kind", "at", "actor", "actor_id", "action", "object", "outcome", "hash", "nodes")


@dataclass(frozen=True, slots=True)
class Log:
    """All rows, the head, and what somebody elsewhere has kept of it."""

    rows: tuple[Entry, ...]
    checkpoint: str
    witness: str = ""
    """`SIZE:ROOT`, where it takes a witness to find the change."""

    @property
    def told(self) -> tuple[object, ...]:
        """What a checkpoint signs of an export. An export may be longer: it may have been made later."""
        try:
            size = parse_checkpoint(self.checkpoint).size
        except NotGenuine:
            size = len(self.rows)
        return [(row.seq, row.hash, row.leaf) for row in self.rows[:size]], self.checkpoint, self.witness


def exported(log: Log) -> str:
    """The export of a log, as the portal writes it."""
    lines = [{"seq": row.seq, "hash": row.hash, "leaf": row.leaf} for row in log.rows]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def write(connection: Connection, log: Log) -> None:
    """Puts a log in place of the one that is there. No rule of the database holds a vandal up."""
    connection.execute(text("DROP INDEX IF EXISTS audit_entry_event"))
    connection.execute(delete(tables.audit_entry))
    if log.rows:
        connection.execute(insert(tables.audit_entry), [asdict(row) for row in log.rows])
    connection.execute(update(tables.audit_head).values(checkpoint=log.checkpoint))


Tampering = Callable[[Log, Random], Log]


def edit_a_character(log: Log, random: Random) -> Log:
    """One character of the text of one entry."""
    at = _any(log, random)
    leaf = log.rows[at].leaf or ""
    place = random.randrange(len(leaf))
    other = random.choice([one for one in 'abcXYZ019 ".-é' if one != leaf[place]])
    return _with(log, at, leaf=leaf[:place] + other + leaf[place + 1 :])


def edit_and_hash_again(log: Log, random: Random) -> Log:
    """An entry says something else, and every column and its own hash agree."""
    at = _any(log, random)
    return _put(log, at, _other(log.rows[at], random))


def edit_a_column(log: Log, random: Random) -> Log:
    """What repeats the text, or a hash, says something else."""
    at, name = _any(log, random), random.choice(COLUMNS)
    found = getattr(log.rows[at], name)
    if isinstance(found, int):
        other: object = found + random.choice([-1, 1, 7])
    elif isinstance(found, str):
        other = found + "x" if not found or random.random() < 0.3 else _flipped(found, random)
    else:
        other = found + timedelta(microseconds=random.choice([-1, 1, 1_000_000]))
    return _with(log, at, **{name: other})


def drop_a_text(log: Log, random: Random) -> Log:
    """One entry is blanked as retention would have done it."""
    at = _any(log, random)
    return _put(log, at, forgotten(log.rows[at]))


def delete_some(log: Log, random: Random) -> Log:
    """One to five entries from anywhere are gone."""
    gone = set(random.sample(range(len(log.rows)), random.randint(1, 5)))
    return replace(log, rows=tuple(row for at, row in enumerate(log.rows) if at not in gone))


def delete_and_number_again(log: Log, random: Random) -> Log:
    """An entry is gone and no number is missing; texts, hashes and subtrees agree."""
    gone = _any(log, random)
    rows = [row for at, row in enumerate(log.rows) if at != gone]
    return replace(log, rows=_built(_renumbered(rows)))


def insert_one(log: Log, random: Random) -> Log:
    """An entry more, in between; all after it are numbered again."""
    at = _any(log, random)
    rows = [*log.rows[:at], _other(log.rows[at], random), *log.rows[at:]]
    return replace(log, rows=_built(_renumbered(rows)))


def insert_before_all(log: Log, random: Random) -> Log:
    """An entry with a number that no entry has."""
    return replace(log, rows=(replace(log.rows[0], seq=-random.randint(1, 9)), *log.rows))


def append_unsigned(log: Log, random: Random) -> Log:
    """Entries at the end that nobody signed."""
    more = [_other(random.choice(log.rows), random) for _ in range(random.randint(1, 3))]
    return replace(log, rows=_built(_renumbered([*log.rows, *more])))


def swap_rows(log: Log, random: Random) -> Log:
    """Two entries change places, with their hashes."""
    one, two = random.sample(range(len(log.rows)), 2)
    rows = list(log.rows)
    rows[one], rows[two] = replace(rows[two], seq=one), replace(rows[one], seq=two)
    return replace(log, rows=tuple(rows))


def reorder_and_build_again(log: Log, random: Random) -> Log:
    """A stretch in another order; numbers, hashes and subtrees agree."""
    start = random.randrange(len(log.rows) - 3)
    stretch = list(log.rows[start : start + random.randint(2, 12)])
    moved = stretch[1:] + stretch[:1]
    return replace(
        log, rows=_built(_renumbered([*log.rows[:start], *moved, *log.rows[start + len(moved) :]]))
    )


def truncate(log: Log, random: Random) -> Log:
    """The last entries are gone."""
    return replace(log, rows=log.rows[: random.randrange(len(log.rows))])


def truncate_and_claim_it(log: Log, random: Random) -> Log:
    """The last entries are gone, and the head says so, under the old signature."""
    rows = log.rows[: random.randrange(len(log.rows))]
    return Log(rows, _claimed(log.checkpoint, rows))


def rewrite_and_claim_it(log: Log, random: Random) -> Log:
    """An entry says something else, and all there is agrees, but for the signature."""
    at = _any(log, random)
    rows = _built([*log.rows[:at], _other(log.rows[at], random), *log.rows[at + 1 :]])
    return Log(rows, _claimed(log.checkpoint, rows))


def rewrite_and_sign_otherwise(log: Log, random: Random) -> Log:
    """The same, signed with a key of the vandal's own."""
    rewritten = rewrite_and_claim_it(log, random)
    claimed = parse_checkpoint(rewritten.checkpoint)
    signer = Signer(claimed.origin, random.randbytes(32))
    return replace(rewritten, checkpoint=signer.sign(claimed.size, claimed.root))


def edit_the_head(log: Log, random: Random) -> Log:
    """One character of the signed text."""
    return replace(log, checkpoint=_flipped(log.checkpoint, random))


TAMPERINGS: Sequence[Tampering] = (
    edit_a_character,
    edit_and_hash_again,
    edit_a_column,
    drop_a_text,
    delete_some,
    delete_and_number_again,
    insert_one,
    insert_before_all,
    append_unsigned,
    swap_rows,
    reorder_and_build_again,
    truncate,
    truncate_and_claim_it,
    rewrite_and_claim_it,
    rewrite_and_sign_otherwise,
    edit_the_head,
)


@dataclass(frozen=True, slots=True)
class Rollback:
    """Puts an old state back whose signature is good. Only a witness can tell, so there is one."""

    signer: Signer
    """Stands for the portal, which signs on after a restart: the vandal has no key."""

    def __call__(self, log: Log, random: Random) -> Log:
        rows = log.rows[: random.randrange(1, len(log.rows))]
        if random.random() < 0.5:  # the portal has been started over it, and has gone on
            rows = _built([*rows, *_renumbered([_other(random.choice(log.rows), random)], len(rows))])
            grown = len(rows) + random.randint(0, len(log.rows))
            more = [_other(random.choice(log.rows), random) for _ in range(grown - len(rows))]
            rows = _built([*rows, *_renumbered(more, len(rows))])
        head = _head(rows)
        return Log(rows, self.signer.sign(head.size, head.root), parse_checkpoint(log.checkpoint).witness)


def _any(log: Log, random: Random) -> int:
    return random.randrange(len(log.rows))


def _put(log: Log, at: int, row: Entry) -> Log:
    return replace(log, rows=(*log.rows[:at], row, *log.rows[at + 1 :]))


def _with(log: Log, at: int, /, **changed: object) -> Log:
    return _put(log, at, replace(log.rows[at], **changed))  # type: ignore[arg-type]  # whatever a vandal likes


def _flipped(said: str, random: Random) -> str:
    place = random.randrange(len(said))
    other = random.choice([one for one in "0123456789abcdefXYZ+/=\n " if one != said[place]])
    return said[:place] + other + said[place + 1 :]


def _other(row: Entry, random: Random) -> Entry:
    """The same entry, with another actor, reason, object or time."""
    leaf = json.loads(row.leaf or "{}")
    match random.randrange(4):
        case 0:
            leaf["actor"] = {**leaf["actor"], "name": f"somebody-{random.randrange(1000)}"}
        case 1:
            leaf["reason"] = f"because {random.random()}"
        case 2:
            leaf["object"] = f"another {random.randrange(10**6)}"
        case _:
            leaf["at"] = f"2020-01-01T00:00:{random.randrange(60):02}.{random.randrange(10**6):06}Z"
    return _hashed(leaf, row.nodes)


def _hashed(leaf: dict[str, object], nodes: str) -> Entry:
    return entry_of(leaf, leaf_hash(canonical(leaf).encode()).hex(), nodes)


def _renumbered(rows: Sequence[Entry], first: int = 0) -> list[Entry]:
    """Every text says the number where it stands now."""
    found = []
    for seq, row in enumerate(rows, first):
        leaf = json.loads(row.leaf or "{}")
        found.append(row if leaf["seq"] == seq else _hashed({**leaf, "seq": seq}, row.nodes))
    return found


def _built(rows: Sequence[Entry]) -> tuple[Entry, ...]:
    """The same rows with the subtrees they end."""
    frontier, found = Frontier(), []
    for row in rows:
        frontier, made = frontier.append(bytes.fromhex(row.hash))
        found.append(replace(row, nodes=b"".join(made[1:]).hex()))
    return tuple(found)


def _head(rows: Sequence[Entry]) -> Checkpoint:
    frontier = Frontier()
    for row in rows:
        frontier, _ = frontier.append(bytes.fromhex(row.hash))
    return Checkpoint("sre-portal/audit/test", frontier.size, frontier.root)


def _claimed(checkpoint: str, rows: Sequence[Entry]) -> str:
    """The head that would fit, under a signature that does not."""
    origin, _, _ = checkpoint.partition("\n")
    head = _head(rows)
    body = f"{origin}\n{head.size}\n{b64encode(head.root).decode()}\n"
    return body + checkpoint[checkpoint.index("\n\n") + 1 :]
