"""What is taken of a page: ours beside resiliparse's and trafilatura's own ways, on real pages.

    python -m benchmarks.extraction [--out FILE] [--update]

The pages and what must be kept and dropped of them were chosen by others (see `pages`); without the folder of
real data there is nothing to measure. trafilatura runs in `.venv-peers` (`make peers`).
"""
