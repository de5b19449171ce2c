"""Numbers and times as people read them: grouped by thin spaces, unit beside, exact value one hover away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sre_portal.core.prediction import Band

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
ARROW = "\N{RIGHTWARDS ARROW}"

PAGING_FACTOR = 14.4
"""From this burn rate on a number is boxed: it is the factor of the fastest paging alert."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number ready to print: the digits, the unit beside them, and the exact value for the tooltip."""

    text: str
    unit: str = ""
    exact: str = ""

    def __str__(self) -> str:
        return f"{self.text}{THIN}{self.unit}" if self.unit else self.text


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant ready to print: relative within the hour, absolute beyond, always exact in the tooltip."""

    text: str
    iso: str
    exact: str


@dataclass(frozen=True, slots=True)
class Burn:
    """A burn rate and how heavy it looks: `cool` under 1, `warm` from 1, `hot` from the paging factor."""

    text: str
    level: str


NO_DATA = Figure("no data")
NO_BURN = Burn("no data", "cool")


def signed(text: str) -> str:
    """The same with a real minus sign, and no minus before a zero."""
    if not text.startswith("-"):
        return text
    return text[1:] if not text.strip("-0.,") else MINUS + text[1:]


def decimal(value: float, digits: int) -> str:
    return signed(f"{value:,.{digits}f}".replace(",", THIN))


def count(value: float) -> str:
    return decimal(value, 0)


def rate(per_second: float | None) -> Figure:
    if per_second is None:
        return NO_DATA
    return Figure(decimal(per_second, 1 if per_second < 10 else 0), "/s", f"{per_second:.3f} per second")


def percent(ratio: float | None, digits: int = 2) -> Figure:
    if ratio is None:
        return NO_DATA
    return Figure(decimal(ratio * 100, digits), "%", f"{signed(f'{ratio * 100:.5f}')} %")


def short_percent(value: float) -> str:
    """A percentage with the digits it has and no more: `99.9 %`, `25 %`."""
    return f"{value:.4f}".rstrip("0").rstrip(".") + f"{THIN}%"


def milliseconds(value: float | None) -> Figure:
    if value is None:
        return NO_DATA
    if value >= 10_000:
        return Figure(decimal(value / 1000, 1), "s", f"{value:.0f} ms")
    return Figure(decimal(value, 1 if value < 10 else 0), "ms", f"{value:.3f} ms")


def mebibytes(value: int) -> Figure:
    return Figure(count(value / 2**20), "MiB", f"{value} bytes")


def burn(value: float | None) -> Burn:
    if value is None:
        return NO_BURN
    level = "hot" if value >= PAGING_FACTOR else "warm" if value >= 1 else "cool"
    return Burn(f"{decimal(value, 1 if value < 1000 else 0)}{TIMES}", level)


def factor(value: float) -> str:
    return f"{value:g}{TIMES}"


def offset(seconds: float | None) -> str:
    """`m:ss` since the first hit."""
    if seconds is None:
        return DASH
    whole = round(abs(seconds))
    return f"{MINUS if seconds < 0 and whole else ''}{whole // 60}:{whole % 60:02d}"


def fine_offset(seconds: float | None) -> str:
    """`m:ss.t`: hops a second apart differ in the tenths."""
    if seconds is None:
        return DASH
    tenths = round(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{MINUS if seconds < 0 and tenths else ''}{minutes}:{rest // 10:02d}.{rest % 10}"


def band(value: Band | None) -> str:
    if value is None:
        return DASH
    earliest, latest = offset(value.earliest_s), offset(value.latest_s)
    return earliest if earliest == latest else f"{earliest} {DASH} {latest}"


def span(value: timedelta | float) -> str:
    """`48 s`, `18 m 58 s`, `3 h 06 m`, `2 d 4 h`."""
    left = round(value.total_seconds() if isinstance(value, timedelta) else value)
    left = max(left, 0)
    if left < 60:
        return f"{left}{THIN}s"
    if left < 3600:
        minutes, seconds = divmod(left, 60)
        return f"{minutes}{THIN}m" + (f" {seconds:02d}{THIN}s" if seconds else "")
    if left < 86400:
        hours, minutes = divmod(left // 60, 60)
        return f"{hours}{THIN}h" + (f" {minutes:02d}{THIN}m" if minutes else "")
    days, hours = divmod(left // 3600, 24)
    return f"{days}{THIN}d" + (f" {hours}{THIN}h" if hours else "")


def from_epoch(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%S")


def fine_clock(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%H:%M:%S}.{utc.microsecond // 1000:03d}"


def day(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def day_time(at: datetime) -> str:
    return f"{day(at)} {at:%H:%M}"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact(at: datetime) -> str:
    return f"{day(at)} {at.year}, {fine_clock(at)} UTC"


def moment(at: datetime, now: datetime) -> Moment:
    """`48 s ago` within the last hour, `20 Nov 14:02` before it."""
    age = now - at
    text = f"{span(age)} ago" if timedelta(0) <= age < timedelta(hours=1) else f"{day_time(at)} UTC"
    return Moment(text, iso(at), exact(at))


def instant(at: datetime) -> Moment:
    """The time of day, to the second."""
    return Moment(clock(at), iso(at), exact(at))


def plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}" + ("" if number == 1 else "s")
