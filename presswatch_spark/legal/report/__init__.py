"""One HTML page for a board, a lawyer and a judge: the findings, their places, and how to check them."""
