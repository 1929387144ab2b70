// Drives the official Node SDK for tests/contract/test_node_sdk.py: each line of input is a list of calls made at the
// same time, each line of output the list of their responses in the same order.
//
//     {"domain", "app_id", "app_secret", "call": "corehr.v1.jobChange.create", "payload": {…}}
//     {"answer": …}  or  {"thrown": {"name", "message", "status", "headers", "data"}}
//
// A call that returns an iterator is followed to its end; its `answer` is the list of its pages.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

console.log = console.info = console.debug = console.error; // standard output is for the responses
const lark = createRequire(new URL("../../node/package.json", import.meta.url))("@larksuiteoapi/node-sdk");
const silent = Object.fromEntries(["fatal", "error", "warn", "info", "debug", "trace"].map((level) => [level, () => {}]));

async function perform({ domain, app_id: appId, app_secret: appSecret, call, payload }) {
    const client = new lark.Client({ domain, appId, appSecret, logger: silent });
    const names = call.split(".");
    const method = names.pop();
    const response = await names.reduce((service, name) => service[name], client)[method](payload);
    if (!response?.[Symbol.asyncIterator]) return response;
    const pages = [];
    for await (const page of response) pages.push(page);
    return pages;
}

function describe({ name, message, response }) {
    return { name, message, status: response?.status, headers: response?.headers, data: response?.data };
}

for await (const line of createInterface({ input: process.stdin })) {
    const calls = JSON.parse(line).map((call) => perform(call).then((answer) => ({ answer }), (error) => ({ thrown: describe(error) })));
    process.stdout.write(`${JSON.stringify(await Promise.all(calls))}\n`);
}
