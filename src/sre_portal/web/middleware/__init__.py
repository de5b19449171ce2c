"""What stands before every route: one pure ASGI middleware a file. `web/walls.py` orders them."""
