"""The text of an HTML page, from its bytes: kernels for the tokenizer of the HTML standard."""
