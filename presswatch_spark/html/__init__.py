"""What of a page can be seen, from its bytes: kernels for the tokenizer rules of the HTML standard."""
