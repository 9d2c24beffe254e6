"""What makes the notebooks a book: claims, exercises, shown sources, and the site's glue."""

from lstmbook.book.claims import claim
from lstmbook.book.exercises import check
from lstmbook.book.sources import source

__all__ = ["check", "claim", "source"]
