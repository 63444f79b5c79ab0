"""Who may work on a thing: files that the kernel locks, and objects that a holder writes again and again."""
