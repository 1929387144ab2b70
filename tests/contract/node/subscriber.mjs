// Receives events by webhook with the official Node SDK, for tests/contract/test_event_sdk.py.
//
// Its one argument is JSON: `encrypt_key`, `verification_token`, and `types`, the event types to handle.
//
//     {"port": 40000}       once, where it listens on this machine, path /events
//     {"type", "handed"}    an event: what it was registered for, and all that the SDK handed over

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";

console.log = console.info = console.debug = console.error; // standard output is for what is printed
const lark = createRequire(new URL("../../node/package.json", import.meta.url))("@larksuiteoapi/node-sdk");

const { encrypt_key: encryptKey, verification_token: verificationToken, types } = JSON.parse(process.argv[2]);
const printLine = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const silent = Object.fromEntries(["fatal", "error", "warn", "info", "debug", "trace"].map((level) => [level, () => {}]));

const dispatcher = new lark.EventDispatcher({ encryptKey, verificationToken, logger: silent });
dispatcher.register(Object.fromEntries(types.map((type) => [type, async (handed) => printLine({ type, handed })])));
const handle = lark.adaptDefault("/events", dispatcher, { autoChallenge: true });

// the adapter throws when the key does not decrypt the body
const server = createServer((request, response) => handle(request, response).catch(() => response.writeHead(500).end()));
await once(server.listen(0, "127.0.0.1"), "listening");
printLine({ port: server.address().port });
