"""`havenline inventory`: everything that is stored, why, and for how long."""

import click

from intake_server.cli import json_option
from vault import inventory as stored


@click.command()
@json_option
def inventory(*, as_json: bool) -> None:
    """List every value that is stored: what, why, on what basis, who reads it, how long."""
    click.echo(stored.as_json() if as_json else stored.as_text())
