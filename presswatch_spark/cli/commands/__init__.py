"""Commands of `presswatch`. Each imports its libraries when it runs, to keep help quick."""
