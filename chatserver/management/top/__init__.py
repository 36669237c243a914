"""What `manage.py top` shows: read over HTTP (`scrape`), made figures (`figures`), drawn (`screen`)."""
