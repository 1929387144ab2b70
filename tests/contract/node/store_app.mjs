// Drives the official Node SDK as a store app for tests/contract/test_store_app_sdk.py: it receives its tickets by
// webhook and calls with them. Each line of input is one command, each line of output its reply.
//
//     {"listen": {"port", "encrypt_key", "verification_token"}}   {"port"}
//     {"open": {"domain", "app_id", "app_secret"}}                 {}, the SDK requests a ticket if it has none
//     {"await": "ticket"}                                          {}, when one more ticket was received
//     {"call": "corehr.v2.approver.list", "tenant_key", "payload"} {"answer"}  or  {"thrown": {"message", "status", "data"}}

import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

console.log = console.info = console.debug = console.error; // standard output is for the replies
const lark = createRequire(new URL("../../node/package.json", import.meta.url))("@larksuiteoapi/node-sdk");
const silent = Object.fromEntries(["fatal", "error", "warn", "info", "debug", "trace"].map((level) => [level, () => {}]));

let client;
let received = 0;
let notify = () => {};

class Dispatcher extends lark.EventDispatcher {
    async invoke(...event) {
        const response = await super.invoke(...event);
        received += 1;
        notify();
        return response;
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

async function awaitTicket() {
    if (received === 0) {
        await new Promise((resolve, reject) => {
            notify = resolve;
            setTimeout(() => reject(new Error("no ticket was received")), 30_000).unref();
        });
    }
    received -= 1;
    return {};
}

async function call({ call, tenant_key: tenantKey, payload }) {
    const names = call.split(".");
    const method = names.pop();
    const service = names.reduce((found, name) => found[name], client);
    return { answer: await service[method](payload, lark.withTenantKey(tenantKey)) };
}

function perform(command) {
    if (command.listen) return listen(command.listen);
    if (command.open) return open(command.open);
    return command.await ? awaitTicket() : call(command);
}

for await (const line of createInterface({ input: process.stdin })) {
    const reply = await Promise.resolve(JSON.parse(line)).then(perform).catch(({ message, response }) => ({
        thrown: { message, status: response?.status, data: response?.data },
    }));
    process.stdout.write(`${JSON.stringify(reply)}\n`);
}
process.exit();
