// Starts both emulators on free ports of 127.0.0.1 and prints {"dynamodb": port, "sqs": port}. Ends with its stdin.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const packages = createRequire(`${process.argv[2]}/`);
const dynalite = packages("dynalite")({ createTableMs: 0, deleteTableMs: 0 });
const { buildApp } = await import(pathToFileURL(`${process.argv[2]}/node_modules/fauxqs/dist/app.js`).href);

const fauxqs = buildApp({ logger: false });
await fauxqs.listen({ port: 0, host: "127.0.0.1" });
await new Promise((ready) => dynalite.listen(0, "127.0.0.1", ready));
console.log(JSON.stringify({ dynamodb: dynalite.address().port, sqs: fauxqs.server.address().port }));
process.stdin.resume().on("end", () => process.exit());
