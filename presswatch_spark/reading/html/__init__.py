"""The text of an HTML page, from its bytes: kernels for the tokenizer of the HTML standard.

`tags` lists the elements and what each does, `styles` the declarations that hide an element; `visibility`
follows the open elements. `tags` also notes the scripts and attributes that may contain embedded text
(`note_script`, `note_value`), and `embedded_text` reads them.
"""
