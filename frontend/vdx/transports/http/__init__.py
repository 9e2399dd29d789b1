"""The HTTP API: routes, request bodies, answers, limits of connections, and the server."""
