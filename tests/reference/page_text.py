"""The page text of the published check: plain Python that shares no code with the product."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

SOURCE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "page_text.py"


def _loaded() -> ModuleType:
    spec = spec_from_file_location("published_page_text", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PUBLISHED = _loaded()


def reference_page_text(page: bytes) -> bytes:
    """The text of a page in UTF-8, as a third party makes it."""
    text: bytes = PUBLISHED.page_text(page)
    return text
