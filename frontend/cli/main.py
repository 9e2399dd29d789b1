"""The `vdx` command."""


def main() -> None:
    """Run the command line."""
    print("vdx")
