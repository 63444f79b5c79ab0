"""One page of HTML that a board, a lawyer and a judge read: what was found, where, and how to check it."""
