"""The package of the textbook *Long Short-Term Memory from First Principles*.

Each chapter's code stands in a module of the same name. Importing the package loads nothing
else: ``from lstmbook import weight_bound`` brings in what a chapter needs.
"""

__version__ = "0.1.0"
