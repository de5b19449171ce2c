"""The JSON API under /api/v1. Anything a page shows, it returns."""
