<?php
// Tells a user something, in the transaction of whatever it is about.
//
//   php notify.php /var/lib/belfry/belfry.db alice "Build finished"

[, $file, $user, $title] = $argv;
$db = new PDO("sqlite:$file", options: [
    PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    PDO::ATTR_TIMEOUT => 10, // seconds to wait for another writer
]);

$db->beginTransaction();
// … your own INSERT or UPDATE: both are there then, or neither is
$db->prepare('INSERT INTO notifications(user_id, type, title, data)
              VALUES (?, ?, ?, ?)')
   ->execute([$user, 'build', $title, json_encode(['build' => 1482])]);
echo $db->lastInsertId(), "\n";
$db->commit();
