<?php
// Hands the requests on stdin to signatures.php and hook.php and says what came of each: see languages.ts.

/** What php://input is while a request is handled: there is no web server here. */
class FakeInput
{
    public static string $body = '';
    public $context;
    private int $position = 0;

    public function stream_open(string $path): bool
    {
        if ($path !== 'php://input') {
            throw new Exception("hook.php opened $path");
        }
        return true;
    }

    public function stream_read(int $count): string
    {
        $read = substr(self::$body, $this->position, $count);
        $this->position += strlen($read);
        return $read;
    }

    public function stream_eof(): bool
    {
        return $this->position >= strlen(self::$body);
    }

    public function stream_stat(): array
    {
        return [];
    }
}

$lines = explode("\n", rtrim(stream_get_contents(STDIN), "\n"));
require __DIR__ . '/signatures.php';
mkdir(__DIR__ . '/inbox');
putenv('WEBHOOK_INBOX=' . __DIR__ . '/inbox');
stream_wrapper_unregister('php');
stream_wrapper_register('php', FakeInput::class);

foreach ($lines as $line) {
    $fields = array_map('base64_decode', explode("\t", $line));
    [$secret, $standard_secret, FakeInput::$body] = $fields;
    $_SERVER = [];
    foreach (array_chunk(array_slice($fields, 3), 2) as [$name, $value]) {
        $_SERVER['HTTP_' . strtoupper(str_replace('-', '_', $name))] = $value;
    }
    $plain = is_plain_valid($secret, $_SERVER, FakeInput::$body);
    putenv("WEBHOOK_SECRET=$standard_secret");
    $before = count(scandir('inbox'));
    include __DIR__ . '/hook.php';
    $stored = count(scandir('inbox')) > $before;
    fwrite(STDOUT, json_encode($plain) . ' ' . http_response_code() . ' ' . json_encode($stored) . "\n");
}
