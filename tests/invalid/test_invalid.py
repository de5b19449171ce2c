"""A corpus of bad documents. Each has a text file beside it with every message it is answered with.

To add one, write the document and an empty text file, run this test, and judge whether the messages would
help the person who wrote the document.
"""

from pathlib import Path

import pytest

from sre_portal.core.errors import InvalidInput
from sre_portal.core.parse import parse_access, parse_documents

CORPUS = Path(__file__).parent
DOCUMENTS = sorted(path.relative_to(CORPUS) for path in CORPUS.glob("*/*.yaml"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_a_bad_document_is_answered_with_every_problem(document: Path) -> None:
    path = CORPUS / document
    parse = parse_access if document.parent.name == "access" else parse_documents
    with pytest.raises(InvalidInput) as caught:
        parse(path.read_text(encoding="utf-8"), path.name)
    assert str(caught.value).splitlines() == path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


def test_every_expected_message_has_its_document() -> None:
    messages = {path.relative_to(CORPUS).with_suffix(".yaml") for path in CORPUS.glob("*/*.txt")}
    assert messages == set(DOCUMENTS)
