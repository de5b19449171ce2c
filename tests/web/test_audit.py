"""The audit log over the API and on its pages: searched, proven, exported; for administrators only."""

from __future__ import annotations

import json

import httpx2
import pytest
from sqlalchemy import update

from sre_portal.core.access import Permission
from sre_portal.core.audit_check import Check, exported
from sre_portal.core.checkpoint import VerifierKey, open_checkpoint
from sre_portal.core.merkle import includes
from sre_portal.operations.audit_log import note_start
from sre_portal.operations.audited import Act, audited, conclude, deny
from sre_portal.store import tables
from sre_portal.store.database import SqlStore
from tests.operations.world import ADA, NILS, OMAR
from tests.web.door import Door
from tests.web.pages.markup import Markup

API = ("", "/checkpoint", "/key", "/entries", "/export", "/verify", "/0/proof")
HOSTILE = "</title><script>alert(1)</script>'\"&"


@pytest.fixture
async def ada(door: Door) -> httpx2.AsyncClient:
    """A client over a log with a start, a run that was refused, and one act that is not concluded."""
    ports = door.world.ports
    await note_start(ports)
    act = Act(OMAR, Permission.RUN_START, f"experiment {HOSTILE}", "10.0.0.1", HOSTILE, {"n": 1}, {"n": 2})
    denied = Act(NILS, Permission.RUN_START, "experiment x").intent(ports)
    await deny(ports, denied, "this needs run:start")
    async with audited(ports, act):
        pass
    await ports.audit.intend(Act(ADA, Permission.RUN_ABORT, "run 7").intent(ports))
    return door.client("ada")


async def tamper(door: Door, **values: object) -> None:
    """Changes the entry of the intent of run:start behind the portal's back."""
    store = door.world.store
    assert isinstance(store, SqlStore)
    change = update(tables.audit_entry).where(tables.audit_entry.c.seq == 4).values(**values)
    await store.database.write(lambda one: one.execute(change))


async def page(client: httpx2.AsyncClient, path: str, status: int = 200) -> Markup:
    answer = await client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text
    return Markup(answer.text)


@pytest.mark.parametrize("path", API)
@pytest.mark.parametrize("who", ["omar", "vera"])
async def test_only_an_administrator_reads_it(door: Door, path: str, who: str) -> None:
    assert (await door.client(who).get(f"/api/v1/audit{path}")).status_code == 403


async def test_events_are_filtered_and_paged(ada: httpx2.AsyncClient) -> None:
    async def ids(query: str) -> list[int]:
        return [one["id"] for one in (await ada.get(f"/api/v1/audit?{query}")).json()]

    assert await ids("") == [6, 4, 2, 0]
    assert await ids("limit=2&before=6") == [4, 2]
    assert await ids("actor=nils") == [2]
    assert await ids("action=run:&outcome=done") == [4]
    assert await ids("outcome=intended") == [6]
    assert (await ada.get("/api/v1/audit?outcome=perhaps")).status_code == 422


async def test_a_log_is_checked_from_what_the_api_gives_alone(ada: httpx2.AsyncClient) -> None:
    lines = (await ada.get("/api/v1/audit/export")).text.splitlines()
    told = (await ada.get("/api/v1/audit/checkpoint")).json()
    keys = [VerifierKey.parse(one) for one in (await ada.get("/api/v1/audit/key")).json()["keys"]]
    named = [VerifierKey(told["origin"], one.public) for one in keys]
    check = Check(columns=False)
    check.take(map(exported, lines))
    found = check.finish(told["checkpoint"], named)
    assert (found.findings, found.size, found.root) == ((), 7, told["root"])
    assert [json.loads(line) for line in lines[3:5]] == (
        await ada.get("/api/v1/audit/entries?from=3&limit=2")
    ).json()
    assert (await ada.get("/api/v1/audit/export?from=7")).text == ""


async def test_an_entry_is_proven_from_what_the_api_gives_alone(ada: httpx2.AsyncClient) -> None:
    keys = (await ada.get("/api/v1/audit/key")).json()["keys"]
    for seq in range(7):
        told = (await ada.get(f"/api/v1/audit/{seq}/proof")).json()
        origin = told["checkpoint"].partition("\n")[0]
        head = open_checkpoint(
            told["checkpoint"], [VerifierKey(origin, VerifierKey.parse(one).public) for one in keys]
        )
        path = [bytes.fromhex(one) for one in told["path"]]
        assert includes(seq, head.size, bytes.fromhex(told["entry"]["hash"]), path, head.root)
        assert told["holds"]


async def test_the_portal_checks_its_log_and_what_stands_beside_it(
    ada: httpx2.AsyncClient, door: Door
) -> None:
    told = (await ada.get("/api/v1/audit/verify")).json()
    assert (told["whole"], told["size"], told["findings"]) == (True, 7, [])
    lost = (await ada.get(f"/api/v1/audit/verify?witness=8:{'0' * 64}")).json()
    assert lost["findings"] == ["The log has 7 entries, a witness has seen 8: entries were removed."]
    await tamper(door, actor="vera")
    found = (await ada.get("/api/v1/audit/verify")).json()
    assert found["findings"] == ["Entry 4: actor beside the text does not say what the text says."]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/999/proof", 404),
        ("/-1/proof", 422),
        ("/x/proof", 422),
        (f"/{2**70}/proof", 422),
        ("/entries?from=-1", 422),
        ("/entries?limit=1001", 422),
        (f"/entries?from={2**70}", 422),
        ("/verify?witness=1", 422),
        (f"?before={2**70}", 422),
    ],
)
async def test_bad_input_is_told(ada: httpx2.AsyncClient, path: str, status: int) -> None:
    answer = await ada.get(f"/api/v1/audit{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_page_shows_who_did_what_and_why(ada: httpx2.AsyncClient) -> None:
    found = await page(ada, "/audit")
    assert found.faults == []
    row = found.by_id("event-4").text
    for text in ("run:start", "omar", "10.0.0.1", "done", HOSTILE, '"n": 1', '"n": 2', "prove it"):
        assert text in row
    assert "not concluded" in found.by_id("event-6").text
    assert "this needs run:start" in found.by_id("event-2").text
    assert "<script>alert" not in found.source


async def test_the_page_keeps_its_filter_in_its_address(ada: httpx2.AsyncClient) -> None:
    found = await page(ada, "/audit?actor=nils&outcome=denied")
    assert 'value="nils"' in found.source
    assert "event-2" in found.source
    assert "event-4" not in found.source
    assert "Nothing fits this filter." in (await page(ada, "/audit?object=zzz")).source
    for query in ("outcome=perhaps", "before=x", f"actor={'x' * 201}"):
        assert (await page(ada, f"/audit?{query}", 422)).faults == []


async def test_the_page_goes_on_to_older_events(ada: httpx2.AsyncClient, door: Door) -> None:
    for _ in range(100):
        denied = Act(NILS, Permission.RUN_START, "experiment x").intent(door.world.ports)
        await deny(door.world.ports, denied, "no")
    first = await page(ada, "/audit?action=run")
    (older,) = [one for one in first.all("a") if one.attributes.get("rel") == "next"]
    second = await page(ada, older.attributes["href"])
    assert 'id="event-4"' in second.source
    assert 'id="event-4"' not in first.source


async def test_the_page_checks_the_whole_log_when_asked(ada: httpx2.AsyncClient, door: Door) -> None:
    assert (
        "All 7 entries lead to the signed root" in (await page(ada, "/audit?check=all")).by_id("verdict").text
    )
    await tamper(door, leaf="{}")
    found = await page(ada, "/audit?check=all")
    assert "Entry 4: its text was changed" in found.by_id("verdict").text
    assert "text was changed" in found.by_id("event-4").text


async def test_the_page_says_that_a_log_is_not_intact(ada: httpx2.AsyncClient, door: Door) -> None:
    store = door.world.store
    assert isinstance(store, SqlStore)
    await store.database.write(lambda one: one.execute(update(tables.audit_head).values(checkpoint="x")))
    found = await page(ada, "/audit")
    assert "not intact" in found.source
    assert "Acts are refused until this is cleared" in found.source
    assert "sre_portal_audit_intact 0.0" in (await ada.get("/metrics")).text


async def test_the_page_names_an_entry_that_was_changed_and_says_nothing_of_refusals(
    ada: httpx2.AsyncClient, door: Door
) -> None:
    store = door.world.store
    assert isinstance(store, SqlStore)
    change = update(tables.audit_entry).where(tables.audit_entry.c.seq == 6).values(leaf="{}")
    await store.database.write(lambda one: one.execute(change))
    await conclude(door.world.ports, 6, "done")
    found = await page(ada, "/audit")
    for text in ("not intact", "The text of entry 6 is not the one that was signed."):
        assert text in found.source
    assert "Acts are refused" not in found.source
    assert "sre_portal_audit_intact 0.0" in (await ada.get("/metrics")).text


async def test_an_entry_has_a_page_that_proves_it(ada: httpx2.AsyncClient, door: Door) -> None:
    found = await page(ada, "/audit/5")
    assert found.faults == []
    assert "proven" in found.source
    assert "its intent, entry 4" in found.source
    assert door.world.ports.audit.standing().root in found.source
    await tamper(door, leaf="{}")
    assert "not proven" in (await page(ada, "/audit/4")).source
    await door.world.ports.audit.forget(4)
    assert "Retention has dropped the text" in (await page(ada, "/audit/1")).source
    for path in ("/audit/99", "/audit/x", f"/audit/{2**70}"):
        await page(ada, path, 404)


async def test_the_metrics_are_a_witness(ada: httpx2.AsyncClient, door: Door) -> None:
    standing = door.world.ports.audit.standing()
    lines = dict(line.split(" ") for line in (await ada.get("/metrics")).text.splitlines() if line[0] != "#")
    assert int(float(lines["sre_portal_audit_size"])) == standing.size == 7
    assert f"{int(float(lines['sre_portal_audit_root_prefix'])):012x}" == standing.root[:12]
    assert lines["sre_portal_audit_intact"] == "1.0"
    assert lines["sre_portal_audit_late"] == "0.0"


async def test_whoever_may_not_read_it_sees_no_link(door: Door) -> None:
    assert 'href="/audit"' in (await page(door.client("ada"), "/")).source
    assert 'href="/audit"' not in (await page(door.client("vera"), "/")).source
