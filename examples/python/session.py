"""Logs a user in to Belfry: the cookie has the secret, the table its hash.

    python3 session.py /var/lib/belfry/belfry.db alice     (prints the secret)
"""
import hashlib, secrets, sqlite3, sys, time

file, user = sys.argv[1:]  # in your login: the user who has just been let in
db = sqlite3.connect(file, timeout=10)
secret = "bfs_" + secrets.token_urlsafe(32)
with db:
    db.execute(
        "INSERT INTO sessions(secret_sha256, user_id, expires_at)"
        " VALUES (?, ?, ?)",
        (hashlib.sha256(secret.encode()).hexdigest(), user,
         (int(time.time()) + 86400) * 1000),
    )
print(secret)  # Set-Cookie: __Host-belfry_session=…; Path=/; Secure; HttpOnly
# To log out: DELETE FROM sessions WHERE secret_sha256 = ?  (ends the streams)
