"""`python -m frontend.cli` is `vdx`."""

from frontend.cli.main import main

if __name__ == "__main__":
    main()
