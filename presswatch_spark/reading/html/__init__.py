"""The text of an HTML page, from its bytes: kernels for the tokenizer of the HTML standard.

`tags` lists the elements and what each does, `styles` the declarations that hide an element; `visibility`
follows the open elements, and `embedded` reads texts in scripts and attributes.
"""
