"""HTTP responses as crawlers store them: the head, the body without its codings, its type and its charset."""
