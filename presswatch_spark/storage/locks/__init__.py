"""Locks: files that the kernel locks for a process, and objects that a living holder renews."""
