"""The text of an HTML page that can be seen, from its bytes: kernels for the HTML standard's tokenizer."""
