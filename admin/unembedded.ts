/**
 * Prints what `deno task compile` leaves out of the binaries: a folder of npm's cache.
 *
 * Owns that path. `bintrees`, which the metrics bring, carries the data of its tests, and Deno 2.9.6 overflows its stack
 * when it takes two megabytes of numbers for a program. It must never leave out what is imported.
 *
 * @module
 */

const PACKAGE = "bintrees";

if (import.meta.main) {
  const { stdout } = await new Deno.Command("deno", { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout)) as { npmCache: string };
  for await (const registry of Deno.readDir(npmCache)) {
    const versions = await Array.fromAsync(Deno.readDir(`${npmCache}/${registry.name}/${PACKAGE}`))
      .catch(() => []);
    for (const { name, isDirectory } of versions) {
      // deno-lint-ignore no-console -- its output is what a shell reads
      if (isDirectory) console.log(`${npmCache}/${registry.name}/${PACKAGE}/${name}/test`);
    }
  }
}
