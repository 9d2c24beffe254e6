"""Run the ``lstmbook`` command: ``python -m lstmbook``."""

from lstmbook.cli import main

if __name__ == "__main__":
    main()
