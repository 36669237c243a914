"""What the front end costs, in a real browser: `python -m bench.frontend`."""
