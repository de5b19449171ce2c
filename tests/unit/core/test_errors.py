"""Errors say what is wrong, all of it, and where."""

from sre_portal.core.errors import InvalidInput, Objection, Problem, Refused


def test_a_problem_says_where_and_what_would_be_right() -> None:
    bare = Problem("spec.duration", "nothing", "a duration")
    assert str(bare) == "spec.duration: nothing; expected a duration"
    placed = Problem("spec.duration", "nothing", "a duration", "latency.yaml", 12)
    assert str(placed) == "latency.yaml:12: spec.duration: nothing; expected a duration"
    assert str(Problem("", "nothing", "a document", line=3)) == "line 3: nothing; expected a document"
    assert str(Problem("", "nothing", "a document", "a.yaml")) == "a.yaml: nothing; expected a document"
    assert str(Problem("", "nothing", "a document")) == "nothing; expected a document"


def test_an_error_tells_every_problem_and_every_objection() -> None:
    problems = (Problem("a", "1", "2"), Problem("b", "3", "4"))
    invalid = InvalidInput(problems)
    assert invalid.problems == problems
    assert str(invalid) == "a: 1; expected 2\nb: 3; expected 4"
    refused = Refused([Objection("agents", "none"), Objection("policy", "too long")])
    assert str(refused) == "agents: none\npolicy: too long"
