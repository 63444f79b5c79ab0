"""The memory of the kernels that make a page's text: one array of uint64, with what is where in it."""

import numpy as np

from presswatch_spark.html.tags import PLACES
from presswatch_spark.text.kernels import Hashes

DEEPEST = 256
"""The most open elements that are kept in mind: of those around hidden words, and of SVG and MathML."""
MOST_RULES = 256
"""The most selectors of a page's own sheets that count, those that are built in with them."""
RULE_SLOTS = 1024

# Marks are first. The numbers behind them: what becomes of text (SEEN to NO_TEXT), where that began, where
# text is dropped from, where the last cut ended, the number of cuts, that of open elements, that of open SVG
# and MathML, the number of these in which the first open element is, is a form open, the number of dormant
# elements, that of those that began again, where the text and the page go on behind the last tag, the number
# of rules, and filters of the classes and names in them.
(
    STATE,
    START,
    DROPPED_FROM,
    EDGE,
    CUTS,
    OPEN,
    ROOTS,
    ROOTS_AROUND,
    IN_FORM,
    DORMANT,
    REVIVED,
    TEXT_AT,
    PAGE_AT,
    RULE_COUNT,
    CLASS_FILTER,
    NAME_FILTER,
) = range(PLACES, PLACES + 16)
NAMES = PLACES + 16
KINDS = NAMES + DEEPEST
ROOT_STACK = KINDS + DEEPEST
RULES = ROOT_STACK + DEEPEST
_SIZE = RULES + RULE_SLOTS


def workspace() -> Hashes:
    """Make a workspace for one page."""
    memory = np.empty(_SIZE, np.uint64)
    memory[RULE_COUNT:NAMES] = 0
    memory[RULES:] = 0
    return memory
