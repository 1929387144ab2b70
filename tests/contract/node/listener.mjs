// Listens with the official Node SDK's long connection and prints, line by line, what it receives.
//
// Its one argument is JSON: `domain`, `app_id`, `app_secret`; `types`, the event types to handle, which the SDK does not
// list; `fail`, those whose handler throws.
//
//     {"ready": true}                      whenever it has connected, the first time and again
//     {"event_id", "event_type", "typed"}  an event, with all that the SDK hands over; before its handler throws
//     {"failed": "…"}                      the SDK stopped

import { createRequire } from "node:module";

console.log = console.info = console.debug = console.trace = console.error; // standard output is for what is printed
const lark = createRequire(new URL("../../node/package.json", import.meta.url))("@larksuiteoapi/node-sdk");

const { domain, app_id: appId, app_secret: appSecret, types, fail = [] } = JSON.parse(process.argv[2]);
const printLine = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const ready = () => printLine({ ready: true });

function handler(type) {
    return async (event) => {
        printLine({ event_id: event.event_id, event_type: event.event_type, typed: event });
        if (fail.includes(type)) throw new Error("failing as requested");
    };
}

const eventDispatcher = new lark.EventDispatcher({});
eventDispatcher.register(Object.fromEntries(types.map((type) => [type, handler(type)])));
const onError = ({ message }) => printLine({ failed: message });
const client = new lark.WSClient({ domain, appId, appSecret, onReady: ready, onReconnected: ready, onError });
client.start({ eventDispatcher });
