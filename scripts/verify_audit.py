#!/usr/bin/env python3
"""Checks an exported audit log against a signed checkpoint, with nothing but Python's standard library.

    verify_audit.py LOG CHECKPOINT KEY [WITNESS...]

LOG is made by `sre-portal audit export`, the file CHECKPOINT by `audit checkpoint`; KEY is what `audit key`
prints. A WITNESS is SIZE:ROOT as it was known elsewhere. Exits 0 where the log is whole, else 1 with a line
for each finding. This file shares no code with the portal.
"""

import json
import sys
from base64 import b64decode, b64encode
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


def opened(text: str, key: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint that the key signed (C2SP tlog-checkpoint; RFC 8032, 5.1.7)."""
    (body, _, line), (name, _, rest) = text.partition("\n\n"), key.strip().partition("+")
    origin, size, root = body.split("\n")
    public, signed = b64decode(rest.partition("+")[2]), b64decode(line.rpartition(" ")[2])
    known = sha256(f"{name}\n".encode() + public).digest()[:4]
    if line != f"{chr(8212)} {name} {b64encode(signed).decode()}\n" or origin != name or signed[:4] != known:
        raise ValueError("the checkpoint is not signed with this key")
    k = int.from_bytes(sha512(signed[4:36] + public[1:] + f"{body}\n".encode()).digest(), "little") % L
    s, claimed = int.from_bytes(signed[36:], "little"), add(point(signed[4:36]), times(k, point(public[1:])))
    if s >= L or len(signed) != 68 or times(s, point(BASE)) != claimed:
        raise ValueError("the signature does not fit the checkpoint")
    return int(size), b64decode(root)


def read(lines: list[str], roots: list[bytes]) -> list[str]:
    """Adds the root after each entry; returns what is wrong with the entries (RFC 6962, 2.1)."""
    edge, gone, wrong, horizon = list[bytes](), list[int](), list[str](), 0
    for seq, told in enumerate(map(json.loads, lines)):
        text, top = told["leaf"], bytes.fromhex(told["hash"])
        leaf = json.loads(f'{{"seq": {seq}}}' if text is None else text)
        gone += [seq] if text is None else []
        if (told["seq"], leaf["seq"], len(told), len(top)) != (seq, seq, 3, 32):
            wrong.append(f"Where entry {seq} should be stands entry {told['seq']}.")
        if text is not None and sha256(b"\0" + text.encode()).digest() != top:
            wrong.append(f"Entry {seq}: its text does not have its hash.")
        horizon = max(horizon, leaf["after"]["horizon"] if leaf.get("action") == "audit:retain" else 0)
        for _ in range((~seq & (seq + 1)).bit_length() - 1):  # subtrees of the same size become one
            top = sha256(b"\1" + edge.pop() + top).digest()
        edge.append(top)
        for one in edge[-2::-1]:
            top = sha256(b"\1" + one + top).digest()
        roots.append(top)
    return wrong + [
        f"Entry {seq}: its text is gone, and no horizon says so." for seq in gone if seq >= horizon
    ]


def main(log: str, checkpoint: str, key: str, *witnesses: str) -> list[str]:
    roots = [sha256(b"").digest()]
    found = read(Path(log).read_text(encoding="utf-8").removesuffix("\n").split("\n"), roots)
    signed = opened(Path(checkpoint).read_text(encoding="utf-8"), key)
    if len(roots) != signed[0] + 1:
        found.append(f"The log has {len(roots) - 1} entries, {signed[0]} were signed.")
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
