"""Documents: read strictly, every problem at once, and written so that they read the same."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sre_portal.core.alert import ALERT_NAMES
from sre_portal.core.document import dump_duration
from sre_portal.core.errors import InvalidInput
from sre_portal.core.experiment import Experiment
from sre_portal.core.parse import (
    dump_document,
    parse_documents,
    parse_experiment,
    parse_mapping,
    parse_slo,
)
from sre_portal.core.slo import Slo
from sre_portal.core.validation import MOST_PROBLEMS

SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {name: a}
spec: {service: shop, sli: {type: availability}, objective: 99.9}
"""
EXPERIMENT = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: b}
spec:
  target: {service: shop, methods: [post, Get]}
  faults: [{type: abort}]
  duration: 30s
"""


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_documents(text, "a.yaml")
    return str(caught.value).splitlines()


def test_a_text_may_hold_several_documents() -> None:
    slo, experiment = parse_documents(f"---{SLO}---\n---{EXPERIMENT}---\n")
    assert isinstance(slo, Slo)
    assert isinstance(experiment, Experiment)
    assert (slo.name, experiment.name) == ("a", "b")


def test_methods_are_read_in_any_case() -> None:
    assert parse_experiment(EXPERIMENT).spec.target.methods == ("POST", "GET")


def test_json_is_yaml() -> None:
    document = parse_slo(SLO)
    wire = json.dumps(document.model_dump(mode="json", by_alias=True))
    assert parse_slo(wire) == document
    assert parse_mapping(json.loads(wire)) == document


def test_words_of_yaml_1_1_stay_words() -> None:
    assert parse_slo(
        SLO.replace("{name: a}", "{name: no, title: yes, description: 12:30}")
    ).metadata.model_dump() == {
        "name": "no",
        "title": "yes",
        "description": "12:30",
    }


def test_an_experiment_is_not_an_slo() -> None:
    with pytest.raises(InvalidInput, match=r'kind: "SLO"; expected Experiment'):
        parse_experiment(SLO)
    with pytest.raises(InvalidInput, match=r'kind: "Experiment"; expected SLO'):
        parse_slo(EXPERIMENT)


def test_one_document_is_asked_for_where_two_are_given() -> None:
    with pytest.raises(InvalidInput, match="2 documents; expected one SLO"):
        parse_slo(f"{SLO}---{SLO}")


def test_a_document_without_kind_is_still_read_as_the_kind_that_is_asked_for() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_slo("apiVersion: sre-portal.dev/v1\nmetadata: {name: a}\nspec: {}\n")
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["kind", "spec.service", "spec.sli", "spec.objective"]


def test_a_problem_has_its_source_and_its_line() -> None:
    first = problems(SLO.replace("99.9", "100"))[0]
    assert first.startswith("a.yaml:5: spec.objective: 100; expected")


def test_a_text_has_a_size() -> None:
    assert problems("#" * 262_145) == ["a.yaml: 262145 bytes; expected at most 262144 bytes"]
    assert problems("é" * 131_073) == ["a.yaml: 262146 bytes; expected at most 262144 bytes"]


def test_text_that_is_not_unicode_is_refused() -> None:
    assert problems("a: \ud800") == ["a.yaml: text that is not Unicode; expected UTF-8 text"]
    assert problems("a: \x00") == ["a.yaml: control characters are not allowed; expected YAML"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_text_that_goes_deeper_and_deeper_is_refused_at_once(opening: str) -> None:
    with pytest.raises(InvalidInput):
        parse_documents(opening * 50_000)


def test_more_problems_than_anybody_reads_are_counted() -> None:
    many = "".join(f"  key{number}: 1\n" for number in range(500))
    found = problems(SLO.replace("spec: {", "spec:\n").split("spec:")[0] + "spec:\n" + many)
    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1].endswith("expected a document with fewer")


NOT_JSON: list[tuple[object, str]] = [
    (None, "nothing; expected a mapping with apiVersion, kind, metadata and spec"),
    ([1], "a list; expected a mapping with apiVersion, kind, metadata and spec"),
    ("text", '"text"; expected a mapping with apiVersion, kind, metadata and spec'),
]


@pytest.mark.parametrize(("value", "message"), NOT_JSON, ids=["null", "list", "text"])
def test_a_body_that_is_no_mapping_is_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_mapping(value)
    assert str(caught.value).endswith(message)


def test_a_body_may_hold_neither_nan_nor_depth_nor_keys_that_are_no_text() -> None:
    deep: Any = 1
    for _ in range(1000):
        deep = [deep]
    body = {
        "apiVersion": "sre-portal.dev/v1",
        "kind": "SLO",
        "metadata": {"name": "a", "title": deep},
        "spec": {"service": "shop", "sli": {"type": "availability"}, "objective": float("nan"), 7: 1},
    }
    with pytest.raises(InvalidInput) as caught:
        parse_mapping(body, "body")
    assert str(caught.value).splitlines() == [
        "body: metadata.title[0][0]: more than 32 levels of lists and mappings; expected a flatter document",
        "body: spec: the key 7; expected a key that is text",
        "body: spec.objective: nan; expected a finite number",
        "body: metadata.title: a list; expected text",
    ]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SPANS = st.integers(1, 3_600_000).map(lambda ms: dump_duration(timedelta(milliseconds=ms)))
SECONDS = st.integers(1, 300).map(lambda count: f"{count}s")
PERCENTS = st.integers(1, 99_999_999).map(lambda millionths: millionths / 1_000_000)
NAMES = st.from_regex(r"\A[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?\Z")
CONDITIONS = st.one_of(
    st.fixed_dictionaries({"type": st.just("errors"), "slo": NAMES, "below": PERCENTS, "over": SECONDS}),
    st.fixed_dictionaries(
        {"type": st.just("latency"), "service": NAMES, "quantile": PERCENTS, "below": SPANS, "over": SECONDS}
    ),
    st.fixed_dictionaries({"type": st.just("traffic"), "service": NAMES, "above": st.floats(0, 1e9)}),
)
FAULTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("abort")}),
    st.fixed_dictionaries({"type": st.just("error"), "status": st.integers(400, 599), "body": TEXTS}),
    st.fixed_dictionaries({"type": st.just("error"), "exception": st.just(value=True)}),
    SPANS.map(lambda span: {"type": "latency", "delay": span, "cap": "1h"}),
    SPANS.map(
        lambda span: {
            "type": "latency",
            "delay": span,
            "cap": "1h",
            "distribution": "uniform",
            "spread": span,
        }
    ),
)
EXPERIMENTS = st.builds(
    lambda name, title, header, fault, condition, percent, alert: {
        "apiVersion": "sre-portal.dev/v1",
        "kind": "Experiment",
        "metadata": {"name": name, "title": title, "description": title},
        "spec": {
            "target": {
                "service": name,
                "route": "/products/{id}",
                "methods": ["GET"],
                "headers": {"x-tenant": header},
                "share": {"percent": percent, "of": "users"},
            },
            "faults": [fault],
            "duration": "1m",
            "steadyState": [condition],
            "guardrails": [condition],
            "expectations": [
                {"type": "alert", "slo": name, "alert": alert, "between": ["20s", "40s"]},
                {"type": "holds", "condition": condition},
                {"type": "recovers", "within": "30s"},
            ],
            "budgetPercent": percent,
        },
    },
    NAMES,
    TEXTS,
    st.text("abc xyz-*", min_size=1).filter(str.strip),
    FAULTS,
    CONDITIONS,
    PERCENTS,
    st.sampled_from(ALERT_NAMES),
)


@given(EXPERIMENTS)
def test_an_experiment_that_is_written_reads_back_equal(wire: dict[str, Any]) -> None:
    document = parse_mapping(wire)
    assert parse_documents(dump_document(document)) == (document,)


@given(TEXTS, PERCENTS, SECONDS)
def test_an_slo_that_is_written_reads_back_equal(title: str, percent: float, over: str) -> None:
    document = parse_mapping(
        {
            "apiVersion": "sre-portal.dev/v1",
            "kind": "SLO",
            "metadata": {"name": "a", "title": title},
            "spec": {
                "service": "shop",
                "route": "/a",
                "methods": ["GET"],
                "sli": {"type": "latency", "threshold": over},
                "objective": percent,
                "errorRateAlert": {"above": percent, "over": over, "for": over},
            },
        }
    )
    assert parse_slo(dump_document(document)) == document


def test_what_is_the_default_is_not_written() -> None:
    assert dump_document(parse_experiment(EXPERIMENT)) == (
        "apiVersion: sre-portal.dev/v1\nkind: Experiment\nmetadata:\n  name: b\nspec:\n  target:\n"
        "    service: shop\n    methods:\n    - POST\n    - GET\n"
        "  faults:\n  - type: abort\n  duration: 30s\n"
    )


LINES = """apiVersion: sre-portal.dev/v1
kind: SLO
kind: Experiment
metadata:
  name: a
spec:
---
...
  duration: 5s
  faults:
  - type: latency
    delay: 5
  sli: {type: latency}
\t
*a
&a x
? - a
  ? {}
<<: *a
!!set {}
[
]
{
}
:
- - -
'
"
|
  expectations: [1]
  guardrails: {a: [b]}
  target: {headers: {1: 2}}
  steadyState: [[[]]]
null: null
%YAML 1.1""".splitlines()


@given(st.lists(st.sampled_from(LINES), max_size=20).map("\n".join) | st.text(max_size=200))
def test_any_text_is_read_or_refused_with_its_problems(text: str) -> None:
    try:
        parse_documents(text, "any")
    except InvalidInput as invalid:
        told = [problem.expected for problem in invalid.problems]
    else:
        told = ["a valid document"]
    assert told
    assert all(told)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["apiVersion", "kind", "metadata", "spec", "target", "faults", "type", "expectations"]
                )
                | st.integers(),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_body_is_read_or_refused_with_its_problems(value: object) -> None:
    whole = {
        "apiVersion": "sre-portal.dev/v1",
        "kind": "Experiment",
        "metadata": {"name": "a"},
        "spec": value,
    }
    for body in (value, whole):
        with pytest.raises(InvalidInput) as caught:
            parse_mapping(body)
        assert not isinstance(caught.value, ValidationError)
