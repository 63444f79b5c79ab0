"""The extraction bench counts what was kept and dropped, and fails where ours is worse."""

from pathlib import Path

import pytest

from benchmarks.extraction.__main__ import broken, figures, markdown
from benchmarks.extraction.pages import Page
from benchmarks.extraction.ways import WAYS, Taken, take

pytestmark = pytest.mark.slow

HTML = b"<nav>Menu du jour</nav><main><h1>Titre</h1><p>%s</p><p>Une sentence, bien s\xc3\xbbr.</p></main>" % (
    b"Le premier paragraphe est assez long pour compter, et dit tout ce qui est \xc3\xa0 dire ici. " * 2
)
PAGE = Page(Path("a.html"), HTML, ("bien sur", "jamais écrit"), ("Menu du jour", "absent"))
ARTICLE = Page(Path("a.html"), HTML, ("UNE SENTENCE", "un mot"), ())


def test_strings_are_compared_as_words_and_counted() -> None:
    found = figures(take(WAYS["presswatch, verified text"], [PAGE]), [PAGE], [ARTICLE])
    assert (found["kept"], found["keep"], found["lost"]) == (1, 2, ["a.html 1"])
    assert (found["dropped"], found["drop"], found["left"]) == (1, 2, ["a.html 0"])
    assert (found["article_words_kept"], found["article_words"]) == (2, 4)
    assert figures(take(WAYS["presswatch, main content"], [PAGE]), [PAGE], [])["dropped"] == 2


def test_worse_than_others_is_told() -> None:
    ways = {name: figures(take(way, [PAGE]), [PAGE], [ARTICLE]) for name, way in WAYS.items()}
    assert not list(broken(ways))
    everything = Taken({"a.html": "bien sûr ; jamais écrit"}, {"a.html": 1.0})
    ways["trafilatura"] = figures(everything, [PAGE], [ARTICLE])
    told = list(broken(ways))
    assert len(told) == 2
    assert all("keeps 1 strings, trafilatura 2" in one for one in told)
    result = {"ways": ways, "pages": 1, "articles": 1, "commit": "abc", "versions": {}, "broken": told}
    assert "- BROKEN: the verified text" in markdown(result)
