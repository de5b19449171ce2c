"""What `make bench` measures, peers side by side. Each module has `run()`, which returns its figures."""
