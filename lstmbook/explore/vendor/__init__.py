"""Parts of d3, bundled (see `fetch.py`), with their licences."""
