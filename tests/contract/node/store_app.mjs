// Drives the official Node SDK as a store app for tests/contract/test_store_app_sdk.py: it takes its tickets where it
// listens, and calls with them. Each line of input is one thing to do, each line of output what came of it.
//
//     {"listen": {"port", "encrypt_key", "verification_token"}}   {"port"}
//     {"open": {"domain", "app_id", "app_secret"}}                 {}, the SDK asks for a ticket if it has none
//     {"await": "ticket"}                                          {}, when one more ticket has been taken
//     {"call": "corehr.v2.approver.list", "tenant_key", "payload"} {"answer"}  or  {"thrown": {"message", "status", "data"}}

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

console.log = console.info = console.debug = console.error; // standard output is for answers
const lark = createRequire(new URL("../../node/package.json", import.meta.url))("@larksuiteoapi/node-sdk");
const silent = Object.fromEntries(["fatal", "error", "warn", "info", "debug", "trace"].map((level) => [level, () => {}]));

let client;
let taken = 0;
let tell = () => {};

class Dispatcher extends lark.EventDispatcher {
    async invoke(...event) {
        const answer = await super.invoke(...event);
        taken += 1;
        tell();
        return answer;
    }
}

async function listen({ port, encrypt_key: encryptKey, verification_token: verificationToken }) {
    const dispatcher = new Dispatcher({ encryptKey, verificationToken, logger: silent });
    const server = createServer(lark.adaptDefault("/events", dispatcher, { autoChallenge: true }));
    await once(server.listen(port, "127.0.0.1"), "listening");
    return { port: server.address().port };
}

function open({ domain, app_id: appId, app_secret: appSecret }) {
    client = new lark.Client({ domain, appId, appSecret, appType: lark.AppType.ISV, logger: silent });
    return {};
}

async function ticket() {
    if (taken === 0) {
        await new Promise((resolve, reject) => {
            tell = resolve;
            setTimeout(() => reject(new Error("no ticket came")), 30_000).unref();
        });
    }
    taken -= 1;
    return {};
}

async function call({ call, tenant_key: tenantKey, payload }) {
    const names = call.split(".");
    const method = names.pop();
    const place = names.reduce((found, name) => found[name], client);
    return { answer: await place[method](payload, lark.withTenantKey(tenantKey)) };
}

function done(asked) {
    if (asked.listen) return listen(asked.listen);
    if (asked.open) return open(asked.open);
    return asked.await ? ticket() : call(asked);
}

for await (const line of createInterface({ input: process.stdin })) {
    const told = await Promise.resolve(JSON.parse(line)).then(done).catch(({ message, response }) => ({
        thrown: { message, status: response?.status, data: response?.data },
    }));
    process.stdout.write(`${JSON.stringify(told)}\n`);
}
process.exit();
