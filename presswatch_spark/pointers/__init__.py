"""From a row of `matches`, or a written pointer, back to the document; and whether it is still the same."""
