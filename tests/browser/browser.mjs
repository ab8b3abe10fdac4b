// A Chromium that Python tests drive: one JSON command a line on standard input, one answer a line on standard output.
// It ends with its standard input.
//
//   {call: "open", theme, lang, width, height, cookies, url}   a fresh profile; one page is open at a time
//   {call: "goto" | "fill" | "click" | "press" | "wait" | "evaluate" | "screenshot" | "cookies", ...}
//   {call: "audit", axe}   what measure.mjs says about the page that is open; axe: by axe-core too
//
// Each answer is {ok: value} or {error: text}.
import fs from "node:fs";
import { createRequire } from "node:module";
import readline from "node:readline";
import { chromium } from "playwright-core";
import { audit, focusStop } from "./measure.mjs";

const axeSource = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE_MS = 15000;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync"];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
let context, page, status;
let noise = [];         // what the console, the policy and the network complained about

// The policy forbids the page's own scripts, not those of its tester.
function reportViolations() {
	addEventListener("securitypolicyviolation", e => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
}

function betweenPages(error) {
	if (!/context was destroyed|navigation/.test(error.message))
		throw error;
	return null;
}

const calls = {
	async open({ theme = "light", lang = "en-GB", width = 1280, height = 800, cookies = [], url }) {
		await context?.close();
		context = await browser.newContext({ colorScheme: theme, locale: lang, viewport: { width, height } });
		context.setDefaultTimeout(PATIENCE_MS);
		await context.addCookies(cookies);
		await context.addInitScript(reportViolations);
		page = await context.newPage();
		noise = [];
		page.on("console", m => ["error", "warning"].includes(m.type()) && noise.push(`${m.type()}: ${m.text()} ${m.location().url}`));
		page.on("pageerror", e => noise.push(`script: ${e.message}`));
		page.on("response", r => r.request().isNavigationRequest() && (status = r.status()));
		return calls.goto({ url });
	},
	async goto({ url }) {
		await page.goto(url);
		return status;
	},
	async fill({ on, text }) {
		await page.fill(on, text);
	},
	// stays: no other page comes of it.
	async click({ on, times = 1, stays = false }) {
		await Promise.all([stays || page.waitForEvent("domcontentloaded"), page.click(on, { clickCount: times })]);
		return status;
	},
	// Keys one after the other; where the focus went with each.
	async press({ keys }) {
		const stops = [];
		for (const key of keys) {
			await page.keyboard.press(key);
			stops.push(await page.evaluate(focusStop).catch(betweenPages));
		}
		return stops;
	},
	async wait({ until }) {
		for (const end = Date.now() + PATIENCE_MS; !await page.evaluate(until).catch(betweenPages); await page.waitForTimeout(20))
			if (Date.now() > end)
				throw new Error(`in vain: ${until}`);
	},
	async evaluate({ expression }) {
		return page.evaluate(expression);
	},
	async screenshot({ path, whole = true }) {
		await page.screenshot({ path, fullPage: whole });
	},
	async cookies() {
		return context.cookies();
	},
	// Since it was asked for last.
	async noise() {
		return noise.splice(0);
	},
	async audit({ axe = true }) {
		if (axe)
			await page.evaluate(axeSource);
		const found = await page.evaluate(audit, axe);
		return { ...found, status, noise: noise.splice(0) };
	},
};

for await (const line of readline.createInterface({ input: process.stdin })) {
	const { call, ...options } = JSON.parse(line);
	let answer;
	try {
		answer = { ok: (await calls[call](options)) ?? null };
	} catch (e) {
		answer = { error: `${call}: ${e.stack ?? e}` };
	}
	process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
