<?php
// Logs a user in to Belfry: the cookie has the secret, the table its hash.
//
//   php session.php /var/lib/belfry/belfry.db alice     (prints the secret)

[, $file, $user] = $argv; // in your login: the user who has just been let in
$db = new PDO("sqlite:$file", options: [
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    PDO::ATTR_TIMEOUT => 10,
]);
$secret = 'bfs_' . rtrim(strtr(base64_encode(random_bytes(32)), '+/', '-_'), '=');
$db->prepare('INSERT INTO sessions(secret_sha256, user_id, expires_at)
              VALUES (?, ?, ?)')
   ->execute([hash('sha256', $secret), $user, (time() + 86400) * 1000]);
setcookie('__Host-belfry_session', $secret, ['secure' => true,
    'httponly' => true, 'samesite' => 'Lax', 'path' => '/']);
echo PHP_SAPI === 'cli' ? "$secret\n" : '';
// To log out: DELETE FROM sessions WHERE secret_sha256 = ?  (ends the streams)
