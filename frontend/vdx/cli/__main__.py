"""`python -m vdx.cli` is `vdx`."""

from vdx.cli.main import main

if __name__ == "__main__":
    main()
