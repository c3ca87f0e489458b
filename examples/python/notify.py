"""Tells a user something, in the transaction of whatever it is about.

    python3 notify.py /var/lib/belfry/belfry.db alice "Build finished"
"""
import json
import sqlite3
import sys

file, user, title = sys.argv[1:]
db = sqlite3.connect(file, timeout=10)  # seconds to wait for another writer

with db:
    # … your own INSERT or UPDATE: both are there then, or neither is
    row = db.execute(
        "INSERT INTO notifications(user_id, type, title, data)"
        " VALUES (?, ?, ?, ?)",
        (user, "build", title, json.dumps({"build": 1482})),
    )
print(row.lastrowid)
