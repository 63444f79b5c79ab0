"""Commands of `presswatch`. Each imports its libraries only when it runs, so that help is fast."""
