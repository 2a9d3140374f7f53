"""Speed and size, measured: ``python -m benchmarks`` (``make bench``). Numbers live in docs/performance.md."""
