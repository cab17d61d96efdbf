"""The page, tab by tab; app.py is its door."""
