// Starts node.mjs and says where it listens.
import process from "node:process";

const { server } = await import(`${process.cwd()}/node.mjs`);

server.on("listening", () => process.stdout.write(`http://127.0.0.1:${server.address().port}/\n`));
