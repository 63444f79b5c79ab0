"""Makes the demo's dossier: claims, a case of removal, a sealed bag, and the draft of a notice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.claims.make import Sources, make_claims
from presswatch_spark.evidence.build import Built, Order, build_bag
from presswatch_spark.notices.draft import Drafted, Request, draft_notice, today
from presswatch_spark.notices.recipients import load_recipient
from presswatch_spark.notices.sender import load_sender
from presswatch_spark.pointers.pointer import parse_mirror
from presswatch_spark.removal.targets import open_case
from presswatch_spark.settings.config import ScanConfig

RECIPIENT = "common-crawl"
PUBLIC = "https://data.commoncrawl.org/crawl-data/CC-MAIN-2024-51"
"""Where the demo's shards of Common Crawl would be public, were they not invented."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """What the demo makes of its matches: a sealed bag, and the draft of a notice."""

    folder: Path
    bag: Built
    notice: Drafted

    def lines(self) -> Iterator[str]:
        """Yield where the bag and the notice are, with their figures."""
        rows = self.notice.figures.numbers["rows"]
        yield f"Sealed evidence of {self.bag.seal['claims']} claims:"
        yield f"  {self.folder / 'bag'}"
        yield f"The draft of a notice to Common Crawl, {rows} rows, in French (no command sends it):"
        yield f"  {self.folder / 'notice' / 'letter.pdf'}"


def make_dossier(folder: Path, say: Callable[[str], None] = lambda news: None) -> Dossier:
    """Judge the matches of a demo that was scanned in `folder`, and make of them all that a lawyer takes on.

    Claims go into the demo's tables. `say` gets the name of each stage when it begins.

    Raises:
        ConfigError: the extra `legal` is not installed.
    """
    corpus, tables, case, bag = (str(folder / name) for name in ("corpus", "tables", "case", "bag"))
    config = ScanConfig()
    say("judging the matches")
    make_claims(tables, tables, Sources(corpus), config)
    open_case(tables, case, confidences=("A", "B"))
    say("sealing the evidence")
    built = build_bag(Order(case, corpus, with_texts=True), bag, config)
    say("drafting a notice")
    sender = folder / "sender.yaml"
    request = Request(
        source=bag,
        recipient=load_recipient(RECIPIENT),
        law="fr",
        lang="fr",
        sender=load_sender(str(sender)),
        drafted=today(),
        sender_file=str(sender),
        mirrors=[parse_mirror(f"{folder / 'shards' / 'crawl'}={PUBLIC}")],
    )
    return Dossier(folder, built, draft_notice(request, str(folder / "notice")))
