"""The smallest HTTP function."""

import weft


@weft.http
def hello(request: weft.Request) -> str:
    """Greets the world, or whom the query names."""
    return f"Hello, {request.query.get('name', 'world')}!\n"
