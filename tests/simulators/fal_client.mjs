// The official client, driven over standard input: one JSON command a line, one JSON answer a line.
//   {"port": N, "how": "fetch"|"middleware", "key": "id:secret"|null, "call": "...", "model": "...", "with": {...}}
//   -> {"ok": value, "ms": N} or {"error": {name, status, message, body, requestId, fieldErrors}, "ms": N}
import readline from 'node:readline';
import { createFalClient } from '@fal-ai/client';

// fal's host stays visible in the path, so that queue.fal.run and fal.run can be told apart.
const local = (port, url) => {
	const u = new URL(url);
	return `http://127.0.0.1:${port}/__${u.host}${u.pathname}${u.search}`;
};

function client({ port, how, key }) {
	const credentials = key ?? undefined;
	if (how === 'middleware')
		return createFalClient({ credentials, requestMiddleware: async (r) => ({ ...r, url: local(port, r.url) }) });
	return createFalClient({ credentials, fetch: (url, init) => fetch(local(port, String(url)), init) });
}

async function collect(stream) {
	const seen = [];
	for await (const status of stream)
		seen.push(status);
	return seen;
}

async function subscribe(fal, model, options) {
	const updates = [];
	const result = await fal.subscribe(model, { ...options, onQueueUpdate: (status) => updates.push(status) });
	return { result, updates };
}

const calls = {
	submit: (fal, model, options) => fal.queue.submit(model, options),
	status: (fal, model, options) => fal.queue.status(model, options),
	stream: async (fal, model, options) => collect(await fal.queue.streamStatus(model, options)),
	result: (fal, model, options) => fal.queue.result(model, options),
	cancel: async (fal, model, options) => (await fal.queue.cancel(model, options)) ?? null,
	run: (fal, model, options) => fal.run(model, options),
	subscribe,
};

async function handle(command) {
	const started = performance.now();
	const spent = () => Math.round(performance.now() - started);
	try {
		return { ok: await calls[command.call](client(command), command.model, command.with), ms: spent() };
	} catch (e) {
		const { name, status, message, body, requestId, fieldErrors } = e;
		return { error: { name, status, message, body, requestId, fieldErrors }, ms: spent() };
	}
}

for await (const line of readline.createInterface({ input: process.stdin }))
	console.log(JSON.stringify(await handle(JSON.parse(line))));
