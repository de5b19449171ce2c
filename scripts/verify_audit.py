#!/usr/bin/env python3
"""verify_audit.py LOG CHECKPOINT KEYS [WITNESS...]: checks an exported audit log against a signed checkpoint.

It needs nothing but Python's standard library and shares no code with the portal. `sre-portal audit export
--checkpoint CHECKPOINT > LOG` makes both files, `audit key` prints KEYS, a WITNESS is SIZE:ROOT as known
elsewhere. What LOG has beyond CHECKPOINT is not checked. Exits 0 where the rest is whole, else 1.
"""

import json
import sys
from base64 import b64decode, b64encode
from functools import reduce
from hashlib import sha256, sha512
from pathlib import Path

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # the field and the order of Ed25519
D, ROOT = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)
BASE = (4 * pow(5, -1, P) % P).to_bytes(32, "little")


def point(raw: bytes) -> tuple[int, int]:
    """A point of the curve from its 32 bytes (RFC 8032, 5.1.3)."""
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT % P
    if y >= P or x * x % P != square:
        raise ValueError("the signature or the key is no point of the curve")
    return (P - x if x & 1 != raw[31] >> 7 else x), y


def add(one: tuple[int, int], two: tuple[int, int]) -> tuple[int, int]:
    (a, b), (c, d), t = one, two, D * one[0] * one[1] * two[0] * two[1] % P
    return (a * d + b * c) * pow(1 + t, -1, P) % P, (b * d + a * c) * pow(1 - t, -1, P) % P


def times(number: int, one: tuple[int, int]) -> tuple[int, int]:
    half = times(number // 2, one) if number else (0, 1)
    return add(add(half, half), one) if number & 1 else add(half, half)


def opened(text: str, keys: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint that a key signed (C2SP tlog-checkpoint; RFC 8032, 5.1.7)."""
    body, _, line = text.partition("\n\n")
    (origin, size, root), signed = body.split("\n"), b64decode(line.rpartition(" ")[2])
    given = [one.split("+", 2) for one in keys.replace(",", " ").split()]
    known = [b64decode(key) for name, _, key in given if name == origin]
    known = [key for key in known if sha256(f"{origin}\n".encode() + key).digest()[:4] == signed[:4]]
    if not known or line != f"{chr(8212)} {origin} {b64encode(signed).decode()}\n":
        raise ValueError("the checkpoint is not signed with a key that was given")
    public, r, s = known[0][1:], signed[4:36], int.from_bytes(signed[36:], "little")
    k = int.from_bytes(sha512(r + public + f"{body}\n".encode()).digest(), "little") % L
    if s >= L or len(signed) != 68 or times(s, point(BASE)) != add(point(r), times(k, point(public))):
        raise ValueError("the signature does not fit the checkpoint")
    return int(size), b64decode(root)


def read(lines: list[str], size: int, roots: list[bytes]) -> list[str]:
    """Adds the root after each entry; returns what is wrong with the first `size` (RFC 6962, 2.1)."""
    edge, gone, wrong, horizon, newest = list[bytes](), list[int](), list[str](), 0, [""]
    for seq, told in enumerate(map(json.loads, lines)):
        text, top = told["leaf"] if seq < size else None, bytes.fromhex(told["hash"])
        leaf = json.loads(f'{{"seq": {seq}}}' if text is None else text)
        newest.append(max(newest[-1], leaf.get("at", "")))
        gone += [seq] if text is None and seq < size else []
        if (told["seq"], leaf["seq"], len(told), len(top)) != (seq, seq, 3, 32):
            wrong.append(f"Where entry {seq} should be stands entry {told['seq']}.")
        if text is not None and sha256(b"\0" + text.encode()).digest() != top:
            wrong.append(f"Entry {seq}: its text does not have its hash.")
        stated = leaf["after"] if leaf.get("action") == "audit:retain" else {"horizon": 0}
        if newest[min(stated["horizon"], seq)] >= str(stated.get("before", "~")):
            wrong.append(f"Entry {seq}: it lets younger texts go than it says.")
        horizon = max(horizon, stated["horizon"])
        for _ in range((~seq & (seq + 1)).bit_length() - 1):  # subtrees of the same size become one
            top = sha256(b"\1" + edge.pop() + top).digest()
        edge.append(top)
        roots.append(reduce(lambda right, left: sha256(b"\1" + left + right).digest(), edge[-2::-1], top))
    return wrong + [f"Entry {seq}: its text is gone, and nothing says so." for seq in gone if seq >= horizon]


def main(log: str, checkpoint: str, keys: str, *witnesses: str) -> list[str]:
    lines = Path(log).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    signed, roots = opened(Path(checkpoint).read_text(encoding="utf-8"), keys), [sha256(b"").digest()]
    found, more = read(lines, signed[0], roots), len(lines) - signed[0]
    found += [f"The log has {len(lines)} entries, {signed[0]} were signed."] if more < 0 else []
    if more > 0:
        print(f"The last {more} entries came after the checkpoint and are not checked.")
    told = [(int(size), bytes.fromhex(root)) for size, _, root in (one.partition(":") for one in witnesses)]
    wrong = [size for size, root in (signed, *told) if roots[size : size + 1] != [root]]
    return found + [f"The first {size} entries do not have the root that is known of them." for size in wrong]


if __name__ == "__main__":
    try:
        findings = main(*sys.argv[1:])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as unreadable:
        findings = [f"This cannot be checked: {unreadable}"]
    print("\n".join(findings) or "The log is whole.")
    sys.exit(bool(findings))
