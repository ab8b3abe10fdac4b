// Functions that run inside the page: they measure what a person gets, from computed styles and boxes.
// Each is sent to the browser as text, so it uses nothing from outside itself.

// Where the focus is, and how one sees it.
export function focusStop() {
	const e = document.activeElement;
	if (!e || e === document.body)
		return null;
	const box = e.getBoundingClientRect(), style = getComputedStyle(e);
	return {
		tag: e.tagName.toLowerCase(),
		id: e.id,
		text: (e.innerText || e.getAttribute("aria-label") || e.querySelector("img")?.alt || "").trim(),
		outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
		visible: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
	};
}

export async function audit(withAxe) {
	const TEXT_PX = 18, TARGET_PX = 48, CONTRAST = 7;
	const problems = [];
	const shown = e => e.checkVisibility({ visibilityProperty: true });
	const unseen = e => e.closest(".unseen, .skip:not(:focus)") !== null;
	const name = e => `<${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}${e.className ? "." + e.className : ""}> ${
		(e.innerText ?? "").trim().slice(0, 40)}`;

	// ---- colour ----
	const parse = text => {
		const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
		return { r, g, b, a };
	};
	const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	const luminance = c => 0.2126 * channel(c.r) + 0.7152 * channel(c.g) + 0.0722 * channel(c.b);
	const ratio = (a, b) => {
		const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
		return (x + 0.05) / (y + 0.05);
	};
	const ground = e => {
		for (; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.a === 1)
				return c;
			if (c.a !== 0)
				problems.push(`half-transparent ground of ${name(e)}`);
		}
		return { r: 255, g: 255, b: 255, a: 1 };
	};

	// ---- text ----
	let smallest = Infinity, weakest = Infinity, texts = 0;
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !shown(e) || unseen(e))
			continue;
		const style = getComputedStyle(e), size = parseFloat(style.fontSize);
		const contrast = ratio(parse(style.color), ground(e));
		texts++;
		smallest = Math.min(smallest, size);
		weakest = Math.min(weakest, contrast);
		if (size < TEXT_PX)
			problems.push(`${size} px: ${name(e)}`);
		if (contrast < CONTRAST)
			problems.push(`contrast ${contrast.toFixed(2)}: ${name(e)}`);
		if (e.scrollWidth > e.clientWidth + 1 && style.overflowX !== "visible")
			problems.push(`text is cut at its side: ${name(e)}`);
	}
	for (const e of document.querySelectorAll("input:not([type=hidden]), textarea, button")) {
		const style = getComputedStyle(e), contrast = ratio(parse(style.color), ground(e));
		if (parseFloat(style.fontSize) < TEXT_PX || contrast < CONTRAST)
			problems.push(`${style.fontSize}, contrast ${contrast.toFixed(2)}: ${name(e)}`);
		if (ratio(parse(style.borderTopColor), ground(e.parentElement)) < 3)
			problems.push(`edge is hard to see: ${name(e)}`);
	}

	// ---- targets ----
	let targets = 0;
	const boxes = [];
	for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), textarea")) {
		if (!shown(e) || unseen(e))
			continue;
		const box = e.getBoundingClientRect();
		targets++;
		boxes.push([e, box]);
		if (box.width < TARGET_PX || box.height < TARGET_PX)
			problems.push(`target of ${Math.round(box.width)} x ${Math.round(box.height)}: ${name(e)}`);
	}
	for (const [e, a] of boxes)
		for (const [f, b] of boxes)
			if (e !== f && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
				problems.push(`targets overlap: ${name(e)} and ${name(f)}`);

	// ---- layout ----
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth)
		problems.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
	for (const e of document.body.querySelectorAll("*")) {
		const box = e.getBoundingClientRect();
		if (shown(e) && !unseen(e) && box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1))
			problems.push(`sticks out sideways: ${name(e)}`);
	}

	// ---- document ----
	if (document.querySelector("script, style, [style]"))
		problems.push("a script or an inline style in the page");
	if (document.querySelectorAll("h1").length !== 1)
		problems.push("not one h1");
	for (const img of document.images)
		if (!img.hasAttribute("alt") || !img.hasAttribute("width") || !img.hasAttribute("height"))
			problems.push(`picture without alt, width or height: ${img.src}`);

	const measured = { problems, lang: root.lang, title: document.title, texts, targets, smallest, weakest, axe_passes: 0 };
	if (!withAxe)
		return measured;
	const found = await globalThis.axe.run(document, {
		resultTypes: ["violations"],
		rules: { "color-contrast-enhanced": { enabled: true }, "target-size": { enabled: true }, "meta-refresh-no-exceptions": { enabled: true } },
	});
	for (const v of found.violations)
		problems.push(`axe ${v.id}: ${v.nodes.map(n => n.html.slice(0, 120)).join(" | ")}`);
	return { ...measured, axe_passes: found.passes.length };
}
