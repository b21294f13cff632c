"""`python -m edgeproxy` is the `edgeproxy` command."""

from edgeproxy.control.cli import main

if __name__ == "__main__":
    main()
